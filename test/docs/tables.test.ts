import { join } from "node:path";
import { expect, test } from "vitest";
import { testDatabase } from "../setup/postgres.ts";
import { readDocument, root } from "./read-docs.ts";

// docs/tables.md is written by hand down to its mark, and from the database below it:
//   npx vitest run test/docs/tables.test.ts -u

const mark = "<!-- Generated from here on: npx vitest run test/docs/tables.test.ts -u -->\n";

test("the page has every table and column, as the database explains them", async () => {
  const { sql } = await testDatabase();
  const tables = await sql<{ name: string; comment: string }[]>`
    select relname as name, obj_description(oid, 'pg_class') as comment from pg_class
    where relnamespace = 'dlo'::regnamespace and relkind = 'r' and relname <> '__drizzle_migrations'
    order by array_position(array['dead_letters', 'deaths', 'attempts', 'causes', 'events'], relname::text), relname`;
  const sections = await Promise.all(
    tables.map(async ({ name, comment }) => {
      const columns = await sql<{ name: string; type: string; required: boolean; comment: string }[]>`
        select attname as name, format_type(atttypid, atttypmod) as type, attnotnull as required,
          col_description(attrelid, attnum) as comment
        from pg_attribute where attrelid = ('dlo.' || quote_ident(${name}))::regclass and attnum > 0 and not attisdropped
        order by attnum`;
      const rows = columns.map(
        (column) =>
          `| \`${column.name}\` | ${shortType(column.type)}${column.required ? "" : ", null"} | ${column.comment} |`,
      );
      return [`## dlo.${name}`, "", comment, "", "| column | type | meaning |", "| --- | --- | --- |", ...rows].join(
        "\n",
      );
    }),
  );
  const [byHand, generated] = (await readDocument("docs/tables.md")).split(mark);
  expect(generated).toBeDefined();
  await expect(`${byHand}${mark}\n${sections.join("\n\n")}\n`).toMatchFileSnapshot(join(root, "docs/tables.md"));
});

function shortType(type: string): string {
  return type.replace("timestamp(3) with time zone", "timestamptz(3)");
}
