import { randomBytes } from "node:crypto";
import { and, type SQL, sql as raw } from "drizzle-orm";
import fc from "fast-check";
import postgres from "postgres";
import { afterAll, beforeEach, expect, test } from "vitest";
import type { Filter } from "../../model/filter.ts";
import { filterConditions } from "../../schema/filter-conditions.ts";
import { indexSwitch, isIndexedNumber, switchedIndexes, switchesOn } from "../../schema/index-switches.ts";
import { parkDeath } from "../../schema/park-death.ts";
import { deadLetters } from "../../schema/tables.ts";
import { checkDatabase } from "../../setup/check-database.ts";
import { switchIndexes } from "../../setup/indexes.ts";
import { emptyDatabase, testDatabase } from "../setup/postgres.ts";
import { until } from "../setup/world.ts";
import { deathOf } from "./deaths.ts";

const { db, sql, url } = await testDatabase();
const others: postgres.Sql[] = [];
afterAll(async () => void (await Promise.all(others.map(async (client) => await client.end()))));

const all = ["text", "payload", "payload.order.total"];

beforeEach(async () => {
  await switchIndexes(url, { off: all });
});

test("a switch that is asked for is built once, and dropped once", async () => {
  expect(await switchIndexes(url, { on: all })).toEqual({ on: all, built: all, dropped: [] });
  expect(await switchesOn(db)).toEqual({ text: true, payload: true, paths: [["order", "total"]] });
  expect(await switchIndexes(url, { on: all })).toEqual({ on: all, built: [], dropped: [] });
  expect(await switchIndexes(url, { off: ["text", "payload.order.total"] })).toEqual({
    ...{ on: ["payload"], built: [], dropped: ["text", "payload.order.total"] },
  });
  expect(await switchesOn(db)).toEqual({ text: false, payload: true, paths: [] });
  expect(await switchIndexes(url, { off: ["text"] })).toEqual({ on: ["payload"], built: [], dropped: [] });
  expect(await switchIndexes(url, {})).toEqual({ on: ["payload"], built: [], dropped: [] });
});

test.for([
  [{ text: "refused" }, ["dead_letters_message_text", "dead_letters_payload_text"]],
  [{ payload: { path: ["order", "currency"], is: "=", value: "EUR" } }, ["dead_letters_payload"]],
  [{ payload: { path: ["order", "lines", 0, "sku"], is: "=", value: "SKU-1" } }, ["dead_letters_payload"]],
  [{ payload: { path: ["order", "total"], is: ">=", value: 100 } }, ["dead_letters_at_order_total"]],
  [{ payload: { path: ["order", "total"], is: "<", value: 2.5 } }, ["dead_letters_at_order_total"]],
] satisfies [Filter, string[]][])(
  "with the switches on, the filter %j can be answered by %j",
  async ([filter, names]) => {
    await switchIndexes(url, { on: all });
    // On a table as small as this one, the planner would rather read all of it.
    const plan = await db.transaction(async (tx) => {
      await tx.execute(raw`set local enable_seqscan = off`);
      const { sql: text } = tx.select({ id: deadLetters.id }).from(deadLetters).toSQL();
      return await tx.execute(raw`explain ${raw.raw(text)} where ${and(...filterConditions(filter)) as SQL}`);
    });
    for (const name of names) expect(JSON.stringify(plan)).toContain(name);
  },
);

test("what an interrupted build has left is said by the doctor, and built anew", async () => {
  const holder = await openTransaction();
  const builder = postgres(url, { max: 1, onnotice: () => undefined });
  others.push(builder);
  const building = builder.unsafe(
    "create index concurrently dead_letters_payload on dlo.dead_letters using gin (payload jsonb_path_ops)",
  );
  const outcome = building.then(
    () => "built",
    (error: postgres.PostgresError) => error.code,
  );
  await until(async () => {
    const [row] =
      await sql`select pid from pg_stat_progress_create_index where current_locker_pid <> 0 and datname = current_database()`;
    return row !== undefined && (await sql`select pg_cancel_backend(${row["pid"] as number})`).length === 1;
  });
  expect(await outcome).toBe("57014");
  await holder.commit();
  expect(await switchedIndexes(db)).toMatchObject([{ name: "dead_letters_payload", of: "payload", valid: false }]);
  expect(await switchesOn(db)).toMatchObject({ payload: false });
  const { checks } = await checkDatabase({ url, from: "the test" });
  expect(checks.find(({ what }) => what === "indexes")).toMatchObject({
    ok: true,
    detail: expect.stringContaining("payload: not built to the end"),
    mend: expect.stringContaining("dlo setup --index 'payload'"),
  });
  expect(await switchIndexes(url, { on: ["payload"] })).toMatchObject({ on: ["payload"], built: ["payload"] });
  expect(await switchedIndexes(db)).toMatchObject([{ name: "dead_letters_payload", valid: true }]);
});

test("a build that waits for somebody says for whom, and two at once build one index", async () => {
  const holder = await openTransaction();
  const said: string[] = [];
  const both = Promise.all([
    switchIndexes(url, { on: ["payload"] }, (line) => said.push(line)),
    switchIndexes(url, { on: ["payload"] }, (line) => said.push(line)),
  ]);
  await until(() => said.some((line) => line.startsWith("Another set-up is at the indexes")));
  await until(() =>
    said.some((line) => line.includes(`waiting for a transaction that began earlier to end (process ${holder.pid}`)),
  );
  await holder.commit();
  const [one, other] = await both;
  expect([one.on, other.on]).toEqual([["payload"], ["payload"]]);
  expect([...one.built, ...other.built]).toEqual(["payload"]);
  expect(await switchedIndexes(db)).toMatchObject([{ name: "dead_letters_payload", valid: true }]);
});

test("who does not own the table is told who may", async () => {
  const role = `guest_${randomBytes(4).toString("hex")}`;
  await sql.unsafe(
    `create role ${role} login password 'guest'; grant usage on schema dlo to ${role}; grant select on dlo.dead_letters to ${role}`,
  );
  const guest = new URL(url);
  [guest.username, guest.password] = [role, "guest"];
  await expect(switchIndexes(guest.href, { on: ["payload"] })).rejects.toMatchObject({
    code: "DATABASE_ERROR",
    message: expect.stringContaining(
      `only the owner of dlo.dead_letters may build and drop its indexes, and ${role} is another`,
    ),
  });
  expect(await switchedIndexes(db)).toEqual([]);
  await sql.unsafe(`drop owned by ${role}; drop role ${role}`);
});

test.for<[string, string]>([
  ["txt", 'Unknown index "txt". Did you mean "text"?'],
  ["order.total", "or a path such as payload.order.total"],
  ["payload.", 'at "." a dot and a field\'s name must follow'],
  ["payload.a b", 'at " b" a dot'],
  ['payload."a', 'at "."a" a dot'],
  ["payload.items.0.price", "leads into a list (0)"],
])("%s is refused before anything is done", async ([name, problem]) => {
  const nowhere = "postgres://127.0.0.1:1/none";
  await expect(switchIndexes(nowhere, { on: [name] })).rejects.toMatchObject({
    code: "USAGE",
    message: expect.stringContaining(problem),
  });
});

test("an index cannot be had and dropped at once", async () => {
  await expect(switchIndexes(url, { on: ["payload.a"], off: ['payload."a"'] })).rejects.toMatchObject({
    code: "USAGE",
  });
});

test("a database that is not set up says so", async () => {
  await expect(switchIndexes(await emptyDatabase(), {})).rejects.toMatchObject({ code: "SCHEMA_MISSING" });
});

test("any path can be switched on, and is found again by its name", async () => {
  const key = fc.oneof(
    fc.string({ unit: "binary", minLength: 1, maxLength: 12 }).filter((text) => !text.includes("\0")),
    fc.constantFrom("total", "a-b", "'", '"', "\\", "{", ",", "null", " ", "É"),
  );
  const paths = fc
    .array(key, { minLength: 1, maxLength: 4 })
    .filter((path) => !path.some((one) => /^\s*[+-]?\d+$/.test(one)));
  await fc.assert(
    fc.asyncProperty(paths, async (path) => {
      const name = ["payload", ...path.map((one) => JSON.stringify(one))].join(".");
      const { name: shortest } = indexSwitch(name);
      expect(await switchIndexes(url, { on: [name] })).toEqual({ on: [shortest], built: [shortest], dropped: [] });
      expect((await switchesOn(db)).paths).toEqual([path]);
      expect(await switchIndexes(url, { off: [shortest] })).toEqual({ on: [], built: [], dropped: [shortest] });
    }),
    { numRuns: 25 },
  );
});

test("with every switch on, no payload keeps a letter from being written, and the index finds the numbers", async () => {
  await switchIndexes(url, { on: [...all, "payload.order"] });
  const there = raw`${deadLetters.payload} #> '{order,total}'::text[]`;
  let n = 0;
  const total = fc.oneof(
    { weight: 3, arbitrary: fc.double({ noNaN: true, noDefaultInfinity: true }) },
    fc.constantFrom<unknown>("n/a", "12", null, true, [], {}, [[1]], Number.MAX_VALUE, 5e-324, "x".repeat(20_000)),
    fc.string({ unit: "binary", maxLength: 2000 }),
    fc.jsonValue(),
  );
  const payloads = fc.oneof(
    { weight: 4, arbitrary: total.map((value) => ({ order: { total: value } })) },
    total.map((order) => ({ order })),
    fc.jsonValue(),
  );
  await fc.assert(
    fc.asyncProperty(
      fc.array(payloads, { minLength: 1, maxLength: 8 }),
      fc.double({ noNaN: true, noDefaultInfinity: true }),
      async (given, bound) => {
        const batch = `batch-${n++}`;
        for (const [i, payload] of given.entries())
          await parkDeath(db, deathOf(`${batch}/${i}`, { payload, batch, payloadData: Buffer.from("x") }));
        const found = await db.transaction(async (tx) => {
          await tx.execute(raw`set local enable_seqscan = off`);
          return await tx.execute(raw`select workflow_id from ${deadLetters}
          where ${isIndexedNumber(there)} and ${there} >= ${JSON.stringify(bound)}::jsonb and batch = ${batch} order by length(workflow_id), workflow_id`);
        });
        const expected = given.flatMap((payload, i) => {
          const value = (payload as { order?: { total?: unknown } } | null)?.order?.total;
          return typeof value === "number" && value >= bound ? [{ workflow_id: `${batch}/${i}` }] : [];
        });
        expect([...found]).toEqual(expected);
      },
    ),
    { numRuns: 60 },
  );
});

test("not even a number that fits no page does, and the index leaves it out", async () => {
  await switchIndexes(url, { on: ["payload.order.total"] });
  const { letter } = await parkDeath(db, deathOf("long-number"));
  const digits = Array.from({ length: 20_000 }, (_, i) => 1 + ((i * 7) % 9)).join("");
  await sql.unsafe(`update dlo.dead_letters set payload = '{"order": {"total": ${digits}}}' where id = '${letter.id}'`);
  const [row] =
    await sql`select length(payload #>> '{order,total}') as digits from dlo.dead_letters where id = ${letter.id}`;
  expect(row).toEqual({ digits: 20_000 });
});

/** A transaction that has written, for which every build must wait. */
async function openTransaction(): Promise<{ pid: number; commit(): Promise<void> }> {
  const client = postgres(url, { max: 1 });
  others.push(client);
  const [row] = await client`select pg_backend_pid() as pid`;
  await client.unsafe("begin; lock table dlo.dead_letters in row exclusive mode");
  return { pid: row!["pid"] as number, commit: async () => void (await client.unsafe("commit")) };
}
