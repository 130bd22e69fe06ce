import { randomBytes } from "node:crypto";
import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import postgres from "postgres";
import { afterAll, beforeAll, expect, inject, test } from "vitest";
import { openReader } from "../../client/reader.ts";
import { openDatabase } from "../../schema/database.ts";
import { noteLetter } from "../../schema/note-letter.ts";
import { parkDeath } from "../../schema/park-death.ts";
import { setCause } from "../../schema/set-cause.ts";
import { migrateDatabase } from "../../setup/migrate.ts";
import { makeRoles } from "../../setup/roles.ts";
import { resolvePostgres } from "../../stack/postgres-binary.ts";
import { startPostgres } from "../../stack/postgres-server.ts";
import { causeNamed, deathOf } from "./deaths.ts";
import { testDatabase } from "../setup/postgres.ts";

const { db, sql, url } = await testDatabase();
const admin = postgres(inject("stack").adminUrl, { max: 1, onnotice: () => undefined });
const suffix = randomBytes(4).toString("hex");
const cause = causeNamed("title is not a string").id;
let closed: string;

beforeAll(async () => {
  await makeRoles(url);
  for (const role of ["reader", "operator"])
    await admin.unsafe(`create role ${role}_${suffix} login password 'secret' in role dlo_${role}`);
  await parkDeath(db, deathOf("open"));
  closed = (await parkDeath(db, deathOf("closed"))).letter.id;
  await sql`update dlo.dead_letters set status = 'discarded', closed_at = now(), expires_at = null where id = ${closed}`;
});

afterAll(async () => {
  for (const role of ["reader", "operator"]) await admin.unsafe(`drop role if exists ${role}_${suffix}`);
  await admin.end();
});

test("a reader reads letters, causes and numbers by the client, and all tables and views by SQL", async () => {
  await using reader = openReader({ databaseUrl: urlOf("reader") });
  const { letters } = await reader.list();
  expect(letters.map(({ workflowId }) => workflowId).toSorted()).toEqual(["closed", "open"]);
  expect((await reader.story(closed)).deaths).toHaveLength(1);
  expect((await reader.causes.list()).causes).toHaveLength(1);
  expect((await reader.redrives.list()).redrives).toEqual([]);
  expect((await reader.causes.list({ text: "not a string" })).causes).toHaveLength(1);
  expect((await reader.list({ text: "not a string" })).letters).toHaveLength(2);
  expect(await reader.stats()).toMatchObject({ total: 2, open: 1 });
  expect(await reader.stats({ text: "not a string" })).toMatchObject({ total: 2 });
  expect((await reader.stats({ job: "*" }, { by: "error", since: "2020-01-01" })).rows).toMatchObject([{ n: 2 }]);
  const relations = await sql<{ name: string; columns: string }[]>`
    select relname as name, string_agg(quote_ident(attname), ', ') as columns
    from pg_class join pg_attribute on attrelid = pg_class.oid
    where relnamespace = 'dlo'::regnamespace and relkind in ('r', 'v') and relname <> '__drizzle_migrations'
      and attnum > 0 and not attisdropped and attname not like '%\\_data' and attname <> 'sealed' group by 1`;
  expect(relations.length).toBeGreaterThan(20);
  await as("reader", async (raw) => {
    for (const { name, columns } of relations) await raw.unsafe(`select ${columns} from dlo.${name}`);
  });
});

test("a reader sees no encoded bytes, and writes nothing", async () => {
  const hidden = await sql<{ table: string; column: string }[]>`
    select attrelid::regclass::text as table, attname as column from pg_attribute join pg_class on pg_class.oid = attrelid
    where relnamespace = 'dlo'::regnamespace and relkind in ('r', 'v') and (attname like '%\\_data' or attname = 'sealed')`;
  expect(hidden.map(({ table, column }) => `${table}.${column}`).toSorted()).toEqual([
    "dlo.dead_letters.memo_data",
    "dlo.dead_letters.original_payload_data",
    "dlo.dead_letters.payload_data",
    "dlo.deaths.payload_data",
    "dlo.redrives.sealed",
  ]);
  await as("reader", async (raw) => {
    for (const { table, column } of hidden) await refused(raw, `select ${column} from ${table}`);
    await refused(raw, "select * from dlo.dead_letters");
    await refused(raw, "update dlo.dead_letters set revision = 0");
    await refused(raw, "update dlo.causes set note = 'x'");
    await refused(raw, "insert into dlo.events (cause_id, type) select id, 'cause_noted' from dlo.causes");
    await refused(raw, "delete from dlo.dead_letters");
    await refused(raw, "select * from dlo.__drizzle_migrations");
    await refused(raw, "create table dlo.mine ()");
    await refused(raw, "insert into dlo.requests (command) values ('retry')");
  });
});

test("an operator does what the client does in the database, and no more", async () => {
  await using database = openDatabase(urlOf("operator"));
  await noteLetter(database.db, closed, { type: "noted", by: "ann", atMs: Date.now(), data: { text: "seen" } });
  for (const change of [
    { type: "cause_noted", text: "the date" },
    { type: "cause_assigned", owner: "ann" },
    { type: "cause_resolved", inBuild: "v2" },
    { type: "cause_reopened" },
  ] as const)
    expect(await setCause(database.db, cause, change, { by: "ann" })).toBe("written");
  expect(await sql`select owner, note, state from dlo.causes where id = ${cause}`).toMatchObject([
    { owner: "ann", note: "the date", state: "open" },
  ]);
  // What the triggers count of a regrouping, too.
  await as("operator", async (raw) => {
    await raw.unsafe("update dlo.dead_letters set cause_id = cause_id");
    await raw`select payload_data, original_payload_data from dlo.dead_letters`;
    await raw`insert into dlo.cursors (name, position, moved_at) values ('mine', 1, now())`;
    const other = causeNamed("another");
    await raw`insert into dlo.causes (id, fingerprint, version, title, error_type, first_seen_at) values (${other.id}, ${other.fingerprint}, 1, 'another', 'X', now())`;
    await raw`update dlo.deaths set cause_id = ${other.id} where letter_id = ${closed}`;
    await raw`update dlo.dead_letters set cause_id = ${other.id} where id = ${closed}`;
    await refused(raw, "select memo_data from dlo.dead_letters");
    await refused(raw, "select sealed from dlo.redrives");
    await refused(raw, "update dlo.dead_letters set status = 'parked'");
    await refused(raw, "update dlo.events set reason = 'x'");
    await refused(raw, "delete from dlo.events");
    await refused(raw, "delete from dlo.dead_letters");
  });
  expect(await sql`select cause_id, letters from dlo.letters_by_facet where not open`).toMatchObject([
    { cause_id: causeNamed("another").id, letters: "1" },
  ]);
});

test("an operator reads what retries run, and not what was special about a run", async () => {
  const inputs = { payloadData: Buffer.from("amended"), originalPayloadData: Buffer.from("first") };
  await sql`update dlo.dead_letters set payload_data = ${inputs.payloadData}, original_payload_data = ${inputs.originalPayloadData},
    payload = null where id = ${closed}`;
  await using operator = openReader({ databaseUrl: urlOf("operator") });
  await using reader = openReader({ databaseUrl: urlOf("reader") });
  await using owner = openReader({ databaseUrl: url });
  const { payloadData: current, originalPayloadData: original } = inputs;
  expect(await operator.encodedInputs(closed)).toEqual({ current, original });
  expect(await operator.encodedMemo(closed)).toBeNull();
  expect(await owner.encodedMemo(closed)).toEqual(Buffer.from("encoded memo"));
  await expect(reader.encodedInputs(closed)).rejects.toMatchObject({ details: { sqlState: "42501" } });
  const exported = async (from: typeof owner) =>
    JSON.parse(await text(from.export("workflow-id:closed", { full: true }))) as Record<string, unknown>;
  const whole = await exported(owner);
  const { memoData, story, ...rest } = whole as { memoData: string; story: { deaths: object[]; events: object[] } };
  expect(memoData).toBe(Buffer.from("encoded memo").toString("base64"));
  const seen = (await exported(operator)) as { story: typeof story };
  expect(seen).toMatchObject({ ...rest, payloadData: current.toString("base64") });
  expect(seen).not.toHaveProperty("memoData");
  expect(seen.story.deaths).toHaveLength(story.deaths.length);
  for (const death of seen.story.deaths) expect(death).not.toHaveProperty("payloadData");
});

test("an operator asks by SQL, in its own name, and writes no answer", async () => {
  await as("operator", async (raw) => {
    const rows = await raw`
      insert into dlo.requests (namespace, command, letter_id, filter, options, reason)
      values ('default', 'note', ${closed}, null, '{"text":"seen"}', 'a test') returning by, state, answer`;
    expect(rows).toEqual([{ by: `operator_${suffix}`, state: "asked", answer: null }]);
    await refused(raw, "insert into dlo.requests (command, by) values ('retry', 'ann')");
    await refused(raw, "insert into dlo.requests (command, state) values ('retry', 'done')");
    await refused(raw, "update dlo.requests set reason = 'another'");
    await refused(raw, "delete from dlo.requests");
  });
  // Also under the name of a role that it may put on.
  await as("operator", async (raw) => {
    await raw`set role dlo_operator`;
    const rows = await raw`insert into dlo.requests (command) values ('retry') returning by`;
    expect(rows).toEqual([{ by: `operator_${suffix}` }]);
  });
});

test("the next set-up grants what has come, but for encoded bytes", async () => {
  await sql`alter table dlo.dead_letters add column shiny text, add column secret_data bytea`;
  await sql`create view dlo.shiny_letters as select id, shiny from dlo.dead_letters`;
  await as("reader", async (raw) => {
    await refused(raw, "select shiny from dlo.dead_letters");
    expect(await makeRoles(url)).toEqual({ made: [] });
    await raw`select shiny from dlo.dead_letters`;
    await raw`select * from dlo.shiny_letters`;
    await refused(raw, "select secret_data from dlo.dead_letters");
  });
  await sql`drop view dlo.shiny_letters`;
  await sql`alter table dlo.dead_letters drop column shiny, drop column secret_data`;
});

test("set-ups at once, of one database and of several, get along", async () => {
  const { url: other } = await testDatabase();
  const outcomes = await Promise.all([url, other, url, other].map(async (one) => await makeRoles(one)));
  expect(outcomes.map((outcome) => outcome.sql)).toEqual([undefined, undefined, undefined, undefined]);
});

test("who may not make roles, or not grant, is told the SQL for somebody who may, and it does what is missing", async () => {
  const folder = await mkdtemp(join(tmpdir(), "dlo-roles-"));
  await chmod(folder, 0o711);
  const { signal } = new AbortController();
  const progress = () => undefined;
  const binaries = await resolvePostgres({ progress, signal });
  const server = await startPostgres({ binaries, folder, port: 0, database: "dlo", progress, signal });
  const root = postgres(server.url, { max: 1, onnotice: () => undefined });
  try {
    await root`create role owner login password 'secret'`;
    await root`create database letters owner owner`;
    const owner = addressOf(server.url, "owner", "letters");
    await migrateDatabase(owner);
    const { made, sql: statements = "" } = await makeRoles(owner);
    expect(made).toEqual([]);
    expect(statements.split("\n").slice(0, 4)).toEqual([
      "create role dlo_reader nologin;",
      "create role dlo_operator nologin;",
      "grant dlo_reader to dlo_operator;",
      "grant usage on schema dlo to dlo_reader;",
    ]);
    const asRoot = postgres(addressOf(server.url, undefined, "letters"), { max: 1, onnotice: () => undefined });
    await asRoot.unsafe(statements);
    await asRoot.end();
    expect(await makeRoles(owner)).toEqual({ made: [] });
    await root`create role stranger login password 'secret'`;
    await root`create role ann login password 'secret' in role dlo_operator`;
    const stranger = await makeRoles(addressOf(server.url, "stranger", "letters"));
    expect(stranger.sql).toMatch(/^grant usage on schema dlo to dlo_reader;\n/);
    const ann = postgres(addressOf(server.url, "ann", "letters"), { max: 1 });
    expect(await ann`select id, payload, payload_data from dlo.dead_letters`).toEqual([]);
    await ann.end();
  } finally {
    await root.end();
    await server.stop();
    await rm(folder, { recursive: true, force: true });
  }
});

function urlOf(role: string): string {
  const login = new URL(url);
  login.username = `${role}_${suffix}`;
  login.password = "secret";
  return login.href;
}

function addressOf(server: string, user: string | undefined, database: string): string {
  const address = new URL(server);
  address.pathname = `/${database}`;
  if (user !== undefined) [address.username, address.password] = [user, "secret"];
  return address.href;
}

async function as(role: string, work: (raw: postgres.Sql) => Promise<unknown>): Promise<void> {
  const raw = postgres(urlOf(role), { max: 1, onnotice: () => undefined });
  try {
    await work(raw);
  } finally {
    await raw.end();
  }
}

async function refused(raw: postgres.Sql, statement: string): Promise<void> {
  await expect(raw.unsafe(statement)).rejects.toMatchObject({ code: "42501" });
}
