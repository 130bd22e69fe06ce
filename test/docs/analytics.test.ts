import { randomBytes } from "node:crypto";
import { join } from "node:path";
import postgres from "postgres";
import { afterAll, beforeAll, expect, inject, test } from "vitest";
import { foldCounts } from "../../schema/fold-counts.ts";
import { noteLetter } from "../../schema/note-letter.ts";
import { parkDeath } from "../../schema/park-death.ts";
import { makeRoles } from "../../setup/roles.ts";
import { causeNamed, deathOf } from "../schema/deaths.ts";
import { testDatabase } from "../setup/postgres.ts";
import { type Block, blocksOf, readDocument, root } from "./read-docs.ts";

// docs/analytics.md: each of its queries is run here, by somebody who has the role dlo_reader and no more. It is written by
// hand down to its mark, and from the database below it:
//   npx vitest run test/docs/analytics.test.ts -u

const document = "docs/analytics.md";
const mark = "<!-- Generated from here on: npx vitest run test/docs/analytics.test.ts -u -->\n";
const { db, sql, url } = await testDatabase();
const admin = postgres(inject("stack").adminUrl, { max: 1, onnotice: () => undefined });
const analyst = `metabase_${randomBytes(4).toString("hex")}`;
const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
const now = Date.now();
const ran = new Set<string>();
let blocks: readonly Block[];
let reader: postgres.Sql;
const ids: Record<string, string> = {};

beforeAll(async () => {
  blocks = (await blocksOf(document)).filter(({ language }) => language === "sql");
  await makeRoles(url);
  for (const statement of textOf("login").split(";\n").filter(Boolean))
    await admin.unsafe(statement.replaceAll("metabase", analyst));
  const login = new URL(url);
  login.username = analyst;
  login.password = /password '([^']+)'/.exec(textOf("login"))![1]!;
  reader = postgres(login.href, { max: 1, onnotice: () => undefined });
  await die("charge/4711", { agoMs: 3 * dayMs, error: "ECONNREFUSED", category: "network" });
  await die("charge/4711", { agoMs: 2 * dayMs, error: "ECONNREFUSED", category: "network" });
  await die("charge/4712", { agoMs: 2 * hourMs, error: "TypeError", category: "data" });
  await foldCounts(db);
  await die("charge/4713", { agoMs: 40 * dayMs, error: "TypeError", category: "data" });
  await die("mail/1", { job: "send-mail", queue: "mail", agoMs: 60_000, error: "ETIMEDOUT", category: "timeout" });
  await sql`update dlo.dead_letters set status = 'recovered', closed_at = ${new Date(now - dayMs)}, expires_at = null, retries = 1 where id = ${ids["charge/4711"]!}`;
  await sql`update dlo.dead_letters set status = 'expired', closed_at = ${new Date(now - dayMs)}, expires_at = null where id = ${ids["charge/4713"]!}`;
  await noteLetter(db, ids["charge/4712"]!, { type: "noted", by: "ann", atMs: now - hourMs, data: { text: "mine" } });
});

afterAll(async () => {
  await reader?.end();
  await admin.unsafe(`drop role if exists ${analyst}`);
  await admin.end();
});

test("errors and jobs are ranked, patterns have samples, and every attempt counts", async () => {
  expect(await query("error-classes")).toEqual([
    { error_type: "TypeError", letters: "2", open: "1" },
    { error_type: "ECONNREFUSED", letters: "1", open: "0" },
    { error_type: "ETIMEDOUT", letters: "1", open: "1" },
  ]);
  expect(await query("jobs")).toEqual([
    {
      job: "charge-card",
      deaths: "4",
      deaths_last_week: "3",
      letters: "3",
      open: "1",
      recovered: "1",
      recovered_share: "0.5000",
    },
    {
      job: "send-mail",
      deaths: "1",
      deaths_last_week: "1",
      letters: "1",
      open: "1",
      recovered: "0",
      recovered_share: null,
    },
  ]);
  expect(await query("patterns")).toMatchObject([
    {
      title: "ECONNREFUSED",
      deaths: "2",
      first_seen_at: new Date(now - 3 * dayMs),
      last_seen_at: new Date(now - 2 * dayMs),
      jobs: ["charge-card"],
      sample_ids: [ids["charge/4711"]],
    },
    { title: "TypeError", deaths: "2", sample_ids: [ids["charge/4712"], ids["charge/4713"]] },
    { title: "ETIMEDOUT", deaths: "1", jobs: ["send-mail"] },
  ]);
  expect(await query("every-attempt")).toEqual([
    { error_type: "SocketError", failed_attempts: "5" },
    { error_type: "ECONNREFUSED", failed_attempts: "2" },
    { error_type: "TypeError", failed_attempts: "2" },
    { error_type: "ETIMEDOUT", failed_attempts: "1" },
  ]);
  expect(await query("errors-of-job")).toMatchObject([
    { error_type: "SocketError", failed_attempts: "3", for_example: "SocketError said so" },
    { error_type: "ECONNREFUSED", failed_attempts: "2" },
    { error_type: "TypeError", failed_attempts: "1" },
  ]);
});

test("days and hours are those of the session's zone, without gaps", async () => {
  for (const zone of ["Europe/Berlin", "Asia/Kathmandu", "America/St_Johns"]) {
    await reader.unsafe(`set timezone = '${zone}'`);
    const local = (agoMs: number, part: Intl.DateTimeFormatOptions) =>
      new Intl.DateTimeFormat("sv-SE", { timeZone: zone, ...part }).format(now - agoMs);
    const days = await reader.unsafe<{ day: string; deaths: string }[]>(
      textOf("per-day").replace("select day", "select day::text"),
    );
    expect(days).toHaveLength(30);
    const date = { year: "numeric", month: "2-digit", day: "2-digit" } as const;
    const expected = new Map<string, number>();
    for (const agoMs of [3 * dayMs, 2 * dayMs, 2 * hourMs, 60_000])
      expected.set(local(agoMs, date), (expected.get(local(agoMs, date)) ?? 0) + 1);
    expect(
      new Map(days.filter(({ deaths }) => deaths !== "0").map(({ day, deaths }) => [day, Number(deaths)])),
    ).toEqual(expected);
    const hours = await query("per-hour");
    expect(hours.length).toBeGreaterThanOrEqual(23);
    for (const [i, { hour }] of hours.entries())
      if (i > 0) expect((hour as Date).getTime() - (hours[i - 1]!["hour"] as Date).getTime()).toBe(hourMs);
    expect(hours.reduce((sum, { deaths }) => sum + Number(deaths), 0)).toBe(2);
    const ofDay = await query("hour-of-day");
    expect(ofDay.map(({ hour_of_day }) => hour_of_day)).toEqual(Array.from({ length: 24 }, (_, hour) => hour));
    const hour = Number(local(2 * hourMs, { hour: "2-digit", hourCycle: "h23" }));
    expect(Number(ofDay[hour]!["deaths"])).toBeGreaterThanOrEqual(1);
    expect(ofDay.reduce((sum, { deaths }) => sum + Number(deaths), 0)).toBe(4);
  }
  await reader.unsafe("reset timezone");
  expect((await query("job-per-day")).map(({ deaths }) => deaths)).toEqual(["1", "1", "1"]);
});

test("queues tell what a retry may help, what needs a person, and what to look at", async () => {
  expect(await query("queues")).toMatchObject([
    {
      queue: "default",
      open: "1",
      transient: "0",
      needs_person: "1",
      not_retried: "1",
      open_by_category: { data: 1 },
      oldest_open_at: new Date(now - 2 * hourMs),
    },
    {
      queue: "mail",
      open: "1",
      transient: "1",
      needs_person: "0",
      open_by_category: { timeout: 1 },
      newest_open_at: new Date(now - 60_000),
    },
  ]);
  expect(await query("all-queues")).toMatchObject([
    {
      open: "2",
      transient: "1",
      needs_person: "1",
      oldest_open_at: new Date(now - 2 * hourMs),
      recovered_share: "0.5000",
    },
  ]);
  expect(await query("red-flags")).toEqual([]);
  await sql`update dlo.dead_letters set failed_at = ${new Date(now - 2 * dayMs)} where id = ${ids["mail/1"]!}`;
  expect(await query("red-flags")).toMatchObject([{ queue: "mail", open: "1" }]);
  await sql`update dlo.dead_letters set failed_at = ${new Date(now - 60_000)} where id = ${ids["mail/1"]!}`;
});

test("attempts, retries and times have their averages, medians and percentiles", async () => {
  expect(await query("attempts-per-death")).toEqual([
    { job: "charge-card", attempts_per_death: "2.00", deaths: "3" },
    { job: "send-mail", attempts_per_death: "2.00", deaths: "1" },
  ]);
  expect(await query("retry-success")).toEqual([{ job: "charge-card", retried: "1", recovered: "1", share: "1.0000" }]);
  expect(await query("retries")).toMatchObject([
    { job: "charge-card", recovered: "1", retries: "1.00", attempts: "4.00", median_time: "2 days", longest: "2 days" },
  ]);
  expect(await query("percentiles")).toEqual([
    { until: "first look", median: "01:00:00", p95: "01:00:00", letters: "1" },
    { until: "recovery", median: "2 days", p95: "2 days", letters: "1" },
  ]);
});

test("a letter's history has its attempts and its events, in order", async () => {
  const history = await query("history");
  expect(history.map(({ what }) => what)).toEqual([
    "attempt 1 of death 1",
    "attempt 2 of death 1",
    "parked",
    "attempt 1 of death 2",
    "attempt 2 of death 2",
    "died_again",
  ]);
  expect(history[1]).toMatchObject({ said: "ECONNREFUSED: ECONNREFUSED said so", heartbeats: 2 });
  expect(await query("open")).toMatchObject([{ workflow_id: "charge/4712", category: "data", cause: "TypeError" }]);
});

test("an export is what psql's \\copy gets", async () => {
  const [, copied] = /^\\copy (\(.*\)) to 'letters\.csv' with (\(format csv, header\))$/.exec(textOf("export").trim())!;
  const chunks: Buffer[] = [];
  for await (const chunk of await reader.unsafe(`copy ${copied} to stdout with (format csv, header)`).readable())
    chunks.push(chunk as Buffer);
  const lines = Buffer.concat(chunks).toString().trim().split("\n");
  expect(lines[0]).toBe("id,job,error_type,error_message,failed_at,attempts,deaths,status");
  expect(lines).toHaveLength(4);
  expect(lines[1]).toContain(`${ids["charge/4711"]},charge-card,ECONNREFUSED,`);
});

test("every query of the page was run", () => {
  expect(blocks.map(({ marks }) => marks["run"]).filter((name) => !ran.has(name!))).toEqual([]);
});

test("the page has every view and column, as the database explains them", async () => {
  const views = await sql<{ name: string; comment: string; definition: string }[]>`
    select relname as name, obj_description(oid, 'pg_class') as comment, pg_get_viewdef(oid) as definition from pg_class
    where relnamespace = 'dlo'::regnamespace and relkind = 'v'
    order by array_position(array['error_groups', 'deaths_by_job', 'daily_deaths', 'hourly_deaths', 'queue_health', 'open_letters'], relname::text), relname`;
  const sections = await Promise.all(
    views.map(async ({ name, comment, definition }) => {
      const columns = await sql<{ name: string; type: string; comment: string }[]>`
        select attname as name, format_type(atttypid, atttypmod) as type, col_description(attrelid, attnum) as comment
        from pg_attribute where attrelid = ('dlo.' || quote_ident(${name}))::regclass and attnum > 0 order by attnum`;
      expect(columns.filter((column) => column.name.endsWith("_data"))).toEqual([]);
      const counts = /\bdlo\.(attempts|deaths|events|dead_letters)\b/.test(definition) ? "" : " *counts*";
      const rows = columns.map(
        (column) =>
          `| \`${column.name}\` | ${column.type.replace(/timestamp(\(3\))? with time zone/, "timestamptz")} | ${column.comment} |`,
      );
      return [
        `### dlo.${name}`,
        "",
        `${comment}${counts}`,
        "",
        "| column | type | meaning |",
        "| --- | --- | --- |",
        ...rows,
      ].join("\n");
    }),
  );
  const [byHand, generated] = (await readDocument(document)).split(mark);
  expect(generated).toBeDefined();
  await expect(`${byHand}${mark}\n## Views\n\n${sections.join("\n\n")}\n`).toMatchFileSnapshot(join(root, document));
});

type Died = {
  readonly job?: string;
  readonly queue?: string;
  readonly agoMs: number;
  readonly error: string;
  readonly category: "network" | "data" | "timeout";
};

/** After two attempts, of which the first died of something else. */
async function die(workflowId: string, { job = "charge-card", queue = "default", agoMs, error, category }: Died) {
  const plain = deathOf(workflowId);
  const errors = ["SocketError", error].map((type) => ({ ...plain.error, type, message: `${type} said so` }));
  const { letter } = await parkDeath(db, {
    ...plain,
    job,
    queue,
    category,
    cause: causeNamed(error),
    error: errors[1]!,
    attempts: plain.attempts.map((attempt, i) => ({
      ...attempt,
      error: errors[i]!,
      startedAtMs: now - agoMs - 2000 + i * 1000,
      endedAtMs: now - agoMs - 1000 + i * 900,
    })),
    diedAtMs: now - agoMs,
  });
  ids[workflowId] = letter.id;
}

function textOf(name: string): string {
  const found = blocks.filter(({ marks }) => marks["run"] === name);
  if (found.length !== 1) throw new Error(`${document} has ${found.length} blocks "sql run=${name}"`);
  ran.add(name);
  return found[0]!.text;
}

async function query(name: string): Promise<Record<string, unknown>[]> {
  return [...(await reader.unsafe<Record<string, unknown>[]>(textOf(name)))];
}
