import { buffer } from "node:stream/consumers";
import fc from "fast-check";
import { parquetMetadata, parquetReadObjects } from "hyparquet";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { openReader } from "../../client/reader.ts";
import type { LetterRow } from "../../schema/rows.ts";
import { exportColumns } from "../../schema/export-columns.ts";
import type { Filter } from "../../model/filter.ts";
import { parkDeath } from "../../schema/park-death.ts";
import { makeRoles } from "../../setup/roles.ts";
import { anyFilter } from "../find/any-filter.ts";
import { seedLetters } from "../find/seeded-letters.ts";
import { causeNamed, deathOf, usualPolicy } from "../schema/deaths.ts";
import { testDatabase } from "../setup/postgres.ts";
import { jsonLines, linesOf } from "./lines.ts";
import { parseCsv } from "./parse-csv.ts";

vi.setConfig({ testTimeout: 180_000 });

const { db, sql, url } = await testDatabase();
const reader = openReader({ databaseUrl: url });
afterAll(async () => await reader.close());

const nasty = "a\u0000b\ud800c \"q\", 'x'\r\n\\. ; \t\u0001 😀 \u2028 ünï";

// drizzle loses backslashes when it reads arrays, so a list would show another tag than the table has.
const nastyTag = nasty.replaceAll("\\", "/");

beforeAll(async () => {
  await seedLetters(db, 300, 5);
  const error = { type: nasty, message: nasty, stack: nasty, causes: [{ type: nasty, message: nasty }] };
  const odd = {
    error,
    key: nasty,
    job: nasty,
    tags: [nastyTag, "vip", ""],
    payload: { [nasty]: [nasty, 1e-7, 1.5, -0, true, null] },
  };
  const many = [...Array(20).keys()].map((i) => ({ id: `odd/${i}`, odd }));
  for (const { id } of many) await parkDeath(db, deathOf(id, { ...odd, cause: causeNamed("odd") }));
  await parkDeath(
    db,
    deathOf("empty", { tags: [], payload: "", key: "", error: { type: "", message: "", causes: [] } }),
  );
  await parkDeath(
    db,
    deathOf("none", {
      payload: null,
      payloadData: null,
      policy: { ...usualPolicy, retentionMs: "indefinite" },
      expiresAtMs: null,
    }),
  );
  await parkDeath(
    db,
    deathOf("far", {
      expiresAtMs: Number.MAX_SAFE_INTEGER,
      policy: { ...usualPolicy, retentionMs: Number.MAX_SAFE_INTEGER },
    }),
  );
});

/** All that `list` finds, by id, as it prints them. */
async function listed(filter: Filter): Promise<Record<string, unknown>[]> {
  const found: LetterRow[] = [];
  let after: string | undefined;
  do {
    const page = await reader.list(filter, { limit: 1000, ...(after === undefined ? {} : { after }) });
    found.push(...page.letters);
    after = page.next;
  } while (after !== undefined);
  found.sort((a, b) => (a.id < b.id ? -1 : 1));
  return JSON.parse(JSON.stringify(found)) as Record<string, unknown>[];
}

test("JSON lines have what list prints, for every filter", async () => {
  let some = 0;
  const check = async (filter: Filter) => {
    const lines = await linesOf(reader.export(filter));
    const letters = await listed(filter);
    if (letters.length > 0) some++;
    expect(jsonLines(lines)).toEqual(letters);
    // The names are in the same order, too.
    if (letters[0] !== undefined) expect(Object.keys(jsonLines(lines)[0]!)).toEqual(Object.keys(letters[0]));
  };
  await check({});
  await fc.assert(fc.asyncProperty(anyFilter(), check), { numRuns: 60 });
  expect(some).toBeGreaterThan(15);
});

test("what is asked for never becomes a part of the statement", async () => {
  const texts = ["'; drop table dlo.dead_letters; --", "\\'; select 1; --", "$1 $2 ''", '{"a",b}', nasty];
  for (const text of texts) {
    expect(jsonLines(await linesOf(reader.export({ job: text })))).toEqual(await listed({ job: text }));
    for (const filter of [{ tag: [text, "x"] }, { payload: { path: [text], is: "=" as const, value: text } }, { text }])
      expect(jsonLines(await linesOf(reader.export(filter)))).toEqual(await listed(filter));
  }
  expect(await listed({ job: nasty })).toHaveLength(20);
  expect(await listed({ tag: nastyTag })).toHaveLength(20);
});

test("CSV reads back as the letters", async () => {
  const [head, ...rows] = parseCsv((await buffer(reader.export({}, { format: "csv" }))).toString("utf8"));
  expect(head).toEqual(exportColumns.map(({ name }) => name));
  const letters = await listed({});
  expect(rows).toHaveLength(letters.length);
  for (const [i, letter] of letters.entries())
    for (const [c, { key, type, name }] of exportColumns.entries()) {
      const cell = rows[i]![c]!;
      const value = letter[key];
      // An empty cell is null, "" an empty text.
      const read =
        cell === null || type === "text" || type === "moment" || type === "uuid" ? cell : (JSON.parse(cell) as unknown);
      expect({ name, value: read }).toEqual({ name, value });
    }
});

test("Parquet reads back as the letters, with times, numbers and flags as such", async () => {
  const file = toArrayBuffer(await buffer(reader.export({}, { format: "parquet" })));
  const rows = await parquetReadObjects({ file });
  const letters = await listed({});
  expect(rows).toHaveLength(letters.length);
  for (const [i, letter] of letters.entries())
    for (const { key, name, type } of exportColumns) {
      const value: unknown = rows[i]![name];
      const read =
        value === null || value === undefined
          ? null
          : type === "json" || type === "list"
            ? (JSON.parse(value as string) as unknown)
            : value instanceof Date
              ? value.toISOString()
              : typeof value === "bigint"
                ? Number(value)
                : value;
      expect({ name, value: read }).toEqual({ name, value: letter[key] });
    }
  const types = parquetMetadata(file)
    .schema.slice(1)
    .map(({ name, type, converted_type }) => [name, type, converted_type]);
  expect(types).toContainEqual(["failed_at", "INT64", "TIMESTAMP_MILLIS"]);
  expect(types).toContainEqual(["attempts", "INT32", undefined]);
  expect(types).toContainEqual(["cleaned", "BOOLEAN", undefined]);
  expect(types).toContainEqual(["payload", "BYTE_ARRAY", "UTF8"]);
});

test("nothing found is a file all the same", async () => {
  const filter = { job: "no such job" };
  expect((await buffer(reader.export(filter))).length).toBe(0);
  expect(parseCsv((await buffer(reader.export(filter, { format: "csv" }))).toString())).toHaveLength(1);
  const file = toArrayBuffer(await buffer(reader.export(filter, { format: "parquet", columns: ["id", "failed_at"] })));
  expect(await parquetReadObjects({ file })).toEqual([]);
  expect(parquetMetadata(file).schema.map(({ name }) => name)).toEqual(["letters", "id", "failed_at"]);
});

test("columns come in the order that was asked for, under either name", async () => {
  const columns = ["failed_at", "id", "errorType"];
  const lines = jsonLines(await linesOf(reader.export({}, { columns })));
  expect(Object.keys(lines[0]!)).toEqual(["failedAt", "id", "errorType"]);
  const csv = parseCsv((await buffer(reader.export({}, { columns, format: "csv" }))).toString());
  expect(csv[0]).toEqual(["failed_at", "id", "error_type"]);
});

test.each([
  [{ columns: ["id", "filed_at"] }, 'Unknown column "filed_at". Did you mean "failedAt"?'],
  [{ columns: ["payloadData"] }, 'Unknown column "payloadData"'],
  [{ columns: ["id", "id"] }, 'The column "id" is named twice'],
  [{ columns: [] }, "columns must name one column at least"],
  [{ format: "xlsx" as never }, 'Unknown export format "xlsx"'],
  [{ full: true, format: "csv" as const }, "csv has a row a letter"],
  [{ full: true, format: "parquet" as const }, "parquet has a row a letter"],
  [{ full: true, columns: ["id"] }, 'leave either "full" or "columns" away'],
  [{ spreadsheet: true }, '"spreadsheet" is about CSV'],
])("%j is refused at once", (options, why) => {
  expect(() => reader.export({}, options)).toThrow(why);
});

test("a spreadsheet runs no cell of ours", async () => {
  const formulas = ["=1+1", "+1", "-1", "@SUM(1)", "\t=1", "＝1"];
  for (const [i, message] of formulas.entries())
    await parkDeath(db, deathOf(`formula/${i}`, { batch: "formulas", error: { type: message, message, causes: [] } }));
  const ask = { columns: ["workflowId", "errorType", "errorMessage"], format: "csv" as const };
  const bytes = await buffer(reader.export({ batch: "formulas" }, { ...ask, spreadsheet: true }));
  expect([...bytes.subarray(0, 3)]).toEqual([0xef, 0xbb, 0xbf]);
  const [, ...rows] = parseCsv(bytes.subarray(3).toString());
  expect(rows.map(([, type, message]) => [type, message])).toEqual(formulas.map((text) => [`'${text}`, `'${text}`]));
  // Unless it is asked for, bytes are bytes.
  const plain = parseCsv((await buffer(reader.export({ batch: "formulas" }, ask))).toString());
  expect(plain.slice(1).map(([, type]) => type)).toEqual(formulas);
});

test("a letter that dies again while the export runs is there once, as it was", async () => {
  const before = await listed({});
  const stream = reader.export({});
  const chunks: Buffer[] = [];
  let died = 0;
  for await (const chunk of stream) {
    // The snapshot was taken before the first byte came.
    if (died === 0) {
      for (const letter of before.slice(-20)) {
        died++;
        await sql`update dlo.dead_letters set failed_at = now(), deaths = deaths + 1 where id = ${letter["id"] as string}`;
      }
      await parkDeath(db, deathOf("meanwhile"));
    }
    chunks.push(chunk as Buffer);
  }
  expect(died).toBe(20);
  const lines = Buffer.concat(chunks).toString().split("\n").slice(0, -1);
  expect(jsonLines(lines)).toEqual(before);
});

test("whoever stops reading stops the query", async () => {
  const large = Array.from({ length: 150 }, (_, i) =>
    deathOf(`many/${i}`, { batch: "many", payload: `${i}`.repeat(30_000), attempts: [] }),
  );
  for (const death of large) await parkDeath(db, death);
  const exports = () =>
    sql`select pid from pg_stat_activity where query like 'copy (%' and datname = current_database()`;
  for (const format of ["jsonl", "parquet"] as const) {
    const stream = reader.export({}, { format });
    for await (const _ of stream) break;
    expect(stream.destroyed).toBe(true);
    await expect.poll(exports, { timeout: 30_000 }).toHaveLength(0);
  }
  // All of it comes where somebody reads slowly.
  const lines = await linesOf(reader.export({ batch: "many" }, { columns: ["id", "payload"] }));
  expect(lines).toHaveLength(150);
  await sql`delete from dlo.dead_letters where batch = 'many'`;
});

test("a reader of the tables exports all but the encoded inputs", async () => {
  await makeRoles(url);
  const name = `reads_${Date.now()}`;
  await sql.unsafe(`create role ${name} login password 'reads' in role dlo_reader`);
  const address = new URL(url);
  [address.username, address.password] = [name, "reads"];
  await using mine = openReader({ databaseUrl: address.href });
  const [whole] = jsonLines(await linesOf(reader.export({ workflowId: "odd/1" }, { full: true })));
  const [seen] = jsonLines(await linesOf(mine.export({ workflowId: "odd/1" }, { full: true })));
  expect(whole).toMatchObject({ version: 1, payloadData: Buffer.from("encoded input").toString("base64") });
  const { payloadData: _1, originalPayloadData: _2, memoData: _3, story, ...rest } = whole!;
  const deaths = story.deaths.map(({ payloadData: _, ...death }: Record<string, unknown>) => death);
  expect(seen).toEqual({ ...rest, story: { ...story, deaths } });
  expect(await linesOf(mine.export({}, { format: "csv" }))).not.toEqual([]);
});

test("the server's own refusals come as ours", async () => {
  await using nowhere = openReader({ databaseUrl: "postgres://nobody@127.0.0.1:1/none" });
  await expect(buffer(nowhere.export())).rejects.toMatchObject({ code: "DATABASE_UNREACHABLE" });
  const { pathname } = new URL(url);
  const bare = new URL(url);
  bare.pathname = "/postgres";
  expect(pathname).not.toBe(bare.pathname);
  await using empty = openReader({ databaseUrl: bare.href });
  await expect(buffer(empty.export())).rejects.toMatchObject({ code: "SCHEMA_MISSING" });
});

function toArrayBuffer(bytes: Buffer): ArrayBuffer {
  return bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length) as ArrayBuffer;
}
