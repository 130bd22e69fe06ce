import { strict as assert } from "node:assert";
import type { SQL } from "drizzle-orm";
import { PgDialect } from "drizzle-orm/pg-core";
import type { Sql } from "postgres";

/**
 * A statement without parameters, for `COPY`, which takes none: the server itself writes each value as a literal, by the
 * settings of this very connection. A literal gets its type from where it stands, as a parameter does.
 */
export async function withLiterals(connection: Sql, query: SQL): Promise<string> {
  const dialect = new PgDialect();
  const { params } = dialect.sqlToQuery(query);
  const [quoted] = await connection<[{ literals: string[] }]>`
    select array(select quote_nullable(value) from unnest(${params.map(asText)}::text[]) with ordinality as given (value, n)
      order by n) as literals`;
  const { literals } = quoted;
  dialect.escapeParam = (n) => {
    const literal = literals[n];
    assert(literal !== undefined, `value ${n} of ${params.length} has no literal`);
    return literal;
  };
  return dialect.sqlToQuery(query).sql;
}

function asText(value: unknown): string | null {
  if (value === null || typeof value === "string") return value;
  if (typeof value === "number" || typeof value === "bigint" || typeof value === "boolean") return String(value);
  if (value instanceof Date) return value.toISOString();
  if (Array.isArray(value)) return `{${value.map(asItem).join(",")}}`;
  throw new TypeError(`A filter's value of type ${typeof value} has no literal`);
}

/** As a member of an array's text. */
function asItem(value: unknown): string {
  const text = asText(value);
  return text === null ? "null" : `"${text.replaceAll(/["\\]/g, "\\$&")}"`;
}
