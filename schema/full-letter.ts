import type { SQL } from "drizzle-orm";
import { getTableColumns, sql } from "drizzle-orm";
import type { AnyPgColumn, PgTable } from "drizzle-orm/pg-core";
import type { ReservedSql } from "postgres";
import { isoTime } from "./iso-time.ts";
import { attempts, causes, deadLetters, deaths, events } from "./tables.ts";

/** Of the lines that a full export writes. Grows when their shape changes in a way that older readers would misread. */
export const fullLineVersion = 1;

/**
 * What a full export says of a letter besides its columns: the encoded inputs, the causes of its deaths, and the story as
 * `dlo show -o json` has it. Indexes: `deaths_in_order`, `attempts_in_order`, `events_of_letter`.
 *
 * @param readable the encoded columns that the user may select
 */
export function fullFields(readable: ReadableBytes): SQL[] {
  const encoded = (["payloadData", "originalPayloadData", "memoData"] as const).filter((key) => readable[key]);
  const deathOf = sql`${deaths.letterId} = ${deadLetters.id}`;
  const attemptRows = rows(
    attempts,
    sql`${attempts.letterId} = ${deadLetters.id} and ${attempts.deathN} = ${deaths.n}`,
    [attempts.n],
  );
  const deathFields = [
    ...fieldsOf(deaths, ["payloadData"]),
    ...(readable.ofDeaths ? [field("payloadData", base64(deaths.payloadData))] : []),
    field("attemptRows", attemptRows),
  ];
  const story = sql`json_build_object(
    'deaths', ${list(sql`select ${commas(deathFields)} from ${deaths} where ${deathOf} order by ${deaths.n}`)},
    'events', ${rows(events, sql`${events.letterId} = ${deadLetters.id}`, [events.id])})`;
  const causesOf = rows(causes, sql`${causes.id} in (select ${deaths.causeId} from ${deaths} where ${deathOf})`, [
    causes.id,
  ]);
  return [
    field("version", sql.raw(String(fullLineVersion))),
    ...encoded.map((key) => field(key, base64(deadLetters[key]))),
    field("causes", causesOf),
    field("story", story),
  ];
}

export type ReadableBytes = {
  readonly [Column in "payloadData" | "originalPayloadData" | "memoData" | "ofDeaths"]: boolean;
};

/** Which encoded columns the user of this connection may select: an operator some of them, a reader of the tables none. */
export async function readableBytes(connection: ReservedSql): Promise<ReadableBytes> {
  const [found] = await connection<[ReadableBytes]>`
    select has_column_privilege('dlo.dead_letters', 'payload_data', 'select') as "payloadData",
      has_column_privilege('dlo.dead_letters', 'original_payload_data', 'select') as "originalPayloadData",
      has_column_privilege('dlo.dead_letters', 'memo_data', 'select') as "memoData",
      has_column_privilege('dlo.deaths', 'payload_data', 'select') as "ofDeaths"`;
  return found;
}

/** A table's rows as JSON, with the columns' names in camelCase. */
function rows(table: PgTable, where: SQL, order: readonly AnyPgColumn[]): SQL {
  return list(
    sql`select ${commas(fieldsOf(table))} from ${table} where ${where} order by ${commas(order.map((column) => sql`${column}`))}`,
  );
}

function fieldsOf(table: PgTable, except: readonly string[] = []): SQL[] {
  return Object.entries(getTableColumns(table))
    .filter(([key]) => !except.includes(key))
    .map(([key, column]) => field(key, column.dataType === "date" ? isoTime(column) : sql`${column}`));
}

/** `json_agg` would put line breaks between its rows. */
function list(select: SQL): SQL {
  return sql`array_to_json(array(select row_to_json(item) from (${select}) as item))`;
}

/** In one line. */
function base64(data: AnyPgColumn): SQL {
  return sql`replace(encode(${data}, 'base64'), ${"\n"}, '')`;
}

function field(key: string, value: SQL): SQL {
  return sql`${value} as ${sql.identifier(key)}`;
}

function commas(parts: readonly SQL[]): SQL {
  return sql.join([...parts], sql`, `);
}
