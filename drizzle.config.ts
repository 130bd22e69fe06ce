import { defineConfig } from "drizzle-kit";

export default defineConfig({
  dialect: "postgresql",
  schema: "./schema/tables.ts",
  out: "./schema/migrations",
  schemaFilter: ["dlo"],
  // The journal of what was applied stands beside the tables: uninstalling is dropping one schema.
  migrations: { schema: "dlo" },
});
