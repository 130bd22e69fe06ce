import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

const stackSetup = "test/setup/stack.ts";

export default defineConfig({
  resolve: {
    // By its own name the package is its sources, so that tests need no build.
    alias: [
      { find: /^dead-letter-office$/, replacement: here("model/index.ts") },
      { find: /^dead-letter-office\/(client|worker|workflows|schema|testing)$/, replacement: here("$1/index.ts") },
    ],
  },
  test: {
    maxWorkers: 2,
    teardownTimeout: 60_000,
    projects: [
      {
        extends: true,
        test: {
          name: "pure",
          include: ["**/*.test.ts"],
          exclude: ["node_modules", "dist", ".test", ".dlo", "test/!(pure)/**", "test/*.test.ts"],
        },
      },
      {
        extends: true,
        test: {
          name: "stack",
          include: ["test/**/*.test.ts"],
          exclude: ["test/pure/**"],
          globalSetup: existsSync(here(stackSetup)) ? [stackSetup] : [],
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
    ],
  },
});

function here(path: string): string {
  return fileURLToPath(new URL(path, import.meta.url));
}
