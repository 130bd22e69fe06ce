import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import postgres from "postgres";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import type { Dlo } from "../../client/index.ts";
import { letterWorkflowId } from "../../model/ids.ts";
import { defineJob } from "../../model/index.ts";
import type { LetterRow } from "../../schema/rows.ts";
import { migrateDatabase } from "../../setup/migrate.ts";
import { freePort } from "../../stack/ports.ts";
import { resolvePostgres } from "../../stack/postgres-binary.ts";
import { type RunningPostgres, startPostgres } from "../../stack/postgres-server.ts";
import { miscounts, unfolded } from "../schema/recount.ts";
import { gate } from "../setup/post-office.ts";
import { openWorld, until, type World } from "../setup/world.ts";
import { placesOf } from "./find-text.ts";
import { type Part, startPart } from "./processes.ts";
import { temporalCommand } from "./temporal-command.ts";

// Postgres goes away and comes back, under an office that runs in a process of its own, so that its whole log can be read.
// Every job carries a secret in its input and headers.

const secret = "4929-7712-0031-8840";
const card = { to: "ann", card: secret };
const headers = { "x-card": secret };

const charge = defineJob({
  name: "charge",
  input: z.object({ to: z.string(), card: z.string() }),
  activity: { retry: { maximumAttempts: 1 } },
});

let world: World;
let dlo: Dlo;
let office: Part;
let folder: string;
let port: number;
let server: RunningPostgres;
const behaviours = new Map<string, () => unknown>();
const begun = new Map<string, number>();

beforeAll(async () => {
  world = await openWorld();
  folder = await mkdtemp(join(tmpdir(), "dlo-outage-"));
  port = await freePort(0);
  await postgresUp();
  await migrateDatabase(server.url);
  dlo = await world.connect({ databaseUrl: server.url, identity: "tester" });
  const { address, namespace } = world;
  office = await startPart("part.mts", ["office", JSON.stringify({ address, namespace })], {
    DLO_DATABASE_URL: server.url,
  });
  await world.worker({
    jobs: [
      charge.handle((_, { workflowId }) => {
        begun.set(workflowId, (begun.get(workflowId) ?? 0) + 1);
        return (behaviours.get(workflowId) ?? bankIsClosed)();
      }),
    ],
  });
});
afterAll(async () => {
  await office?.stop();
  await world?.close();
  await server?.stop();
  if (folder) await rm(folder, { recursive: true, force: true });
});

test("a job that dies while Postgres is down waits in its compensation for all to see, then has one letter (promise 2)", async () => {
  await server.stop();
  const run = await dlo.start(charge, card, { id: "down-1", headers });
  await waits("down-1", "parkDeadLetter");
  const { stdout } = await temporalCommand(world, "workflow", "describe", "--workflow-id", "down-1");
  expect(stdout).toContain("parkDeadLetter");
  expect(stdout).toContain("DATABASE_UNREACHABLE");
  await expect(dlo.letters.get("down-1")).rejects.toMatchObject({ code: "DATABASE_UNREACHABLE" });
  await postgresUp();
  await expect(run.result()).rejects.toMatchObject({ code: "JOB_DIED" });
  const letter = await dlo.letters.get("down-1");
  expect(letter).toMatchObject({ status: "parked", deaths: 1, attempts: 1 });
  expect(await story(letter)).toEqual(["parked"]);
  expect(await count("down-1")).toEqual({ letters: 1, deaths: 1, attempts: 1 });
  await noSecret("down-1");
});

test("an office can't be started while Postgres is down, and says so", async () => {
  await server.stop();
  await expect(world.office({ databaseUrl: server.url })).rejects.toMatchObject({ code: "DATABASE_UNREACHABLE" });
  await postgresUp();
});

test("a retry that is asked for while Postgres is down begins when it is back", async () => {
  const letter = await dead("down-2");
  behaviours.set("down-2", () => "charged");
  await server.stop();
  await expect(dlo.letters.retry(letter.id)).rejects.toMatchObject({ code: "DATABASE_UNREACHABLE" });
  // Temporal takes the command all the same.
  await handleOf("down-2").signal("retry", { by: "ann" });
  await waits(letterWorkflowId("down-2"), "beginRetry");
  expect(begun.get("down-2")).toBe(1);
  await postgresUp();
  await until(async () => (await dlo.letters.get(letter.id)).status === "recovered");
  expect(await story(letter)).toEqual(["parked", "retry_asked", "retrying", "recovered"]);
  expect(begun.get("down-2")).toBe(2);
  expect(await count("down-2")).toEqual({ letters: 1, deaths: 1, attempts: 1 });
  await noSecret("down-2");
});

test("a retry whose outcome comes while Postgres is down is told when it is back", async () => {
  const letter = await dead("down-3");
  const bank = gate<string>();
  behaviours.set("down-3", () => bank.opened);
  await dlo.letters.retry(letter.id, { by: "ann" });
  await server.stop();
  bank.open("charged");
  expect(await dlo.temporal.workflow.getHandle("down-3").result()).toBe("charged");
  await waits(letterWorkflowId("down-3"), "project");
  await postgresUp();
  await until(async () => (await dlo.letters.get(letter.id)).status === "recovered");
  expect(await story(letter)).toEqual(["parked", "retry_asked", "retrying", "recovered"]);
  await noSecret("down-3");
});

test("a retry that dies while Postgres is down is one death more when it is back", async () => {
  const letter = await dead("down-4");
  const bank = gate<string>();
  behaviours.set("down-4", () => bank.opened);
  await dlo.letters.retry(letter.id, { by: "ann" });
  await server.stop();
  bank.fail(new Error("the bank is closed for good"));
  await waits(letterWorkflowId("down-4"), "recordDeath");
  await postgresUp();
  await until(async () => (await dlo.letters.get(letter.id)).deaths === 2);
  expect(await dlo.letters.get(letter.id)).toMatchObject({
    status: "parked",
    deaths: 2,
    attempts: 2,
    errorMessage: "the bank is closed for good",
  });
  expect(await story(letter)).toEqual(["parked", "retry_asked", "retrying", "died_again"]);
  expect(await count("down-4")).toEqual({ letters: 1, deaths: 2, attempts: 2 });
  await noSecret("down-4");
});

test("a letter that expires while Postgres is down is closed once, when it is back", async () => {
  const letter = await dead("down-5");
  await handleOf("down-5").signal("note", { text: "before" });
  await until(async () => (await story(letter)).includes("noted"));
  await server.stop();
  await handleOf("down-5").signal("extend", { retention: "1 second" });
  await handleOf("down-5").signal("note", { text: "meanwhile" });
  await waits(letterWorkflowId("down-5"), "project");
  await postgresUp();
  await until(async () => (await dlo.letters.get(letter.id)).status === "expired");
  const types = await story(letter);
  expect(types.slice(0, 3)).toEqual(["parked", "noted", "extended"]);
  expect(types.filter((type) => type === "expired")).toHaveLength(1);
  expect(types.filter((type) => type === "noted")).toHaveLength(2);
  expect(await handleOf("down-5").result()).toMatchObject({ status: "expired" });
  await noSecret("down-5");
});

test("what Postgres refuses is tried again, and its answer, which quotes the row, is nowhere to be read (promise 2)", async () => {
  const sql = postgres(server.url, { max: 1 });
  await sql`alter table dlo.dead_letters add constraint no_such_job check (workflow_id <> 'refused-1')`;
  const run = await dlo.start(charge, card, { id: "refused-1", headers });
  await waits("refused-1", "parkDeadLetter");
  const { stdout } = await temporalCommand(world, "workflow", "describe", "--workflow-id", "refused-1");
  expect(stdout).toContain("no_such_job");
  await noSecret("refused-1");
  await sql`alter table dlo.dead_letters drop constraint no_such_job`;
  await expect(run.result()).rejects.toMatchObject({ code: "JOB_DIED" });
  expect(await count("refused-1")).toEqual({ letters: 1, deaths: 1, attempts: 1 });
  await sql.end();
  await noSecret("refused-1");
});

test("events and counts of the time without Postgres are made up for", async () => {
  const sql = postgres(server.url, { max: 1 });
  await until(
    async () =>
      (await sql`select from dlo.events where position is null`).length === 0 && (await unfolded(sql)).deltas === 0,
  );
  const [row] = await sql`select count(*)::int as events, max(position)::int as last from dlo.events`;
  expect(row!["last"]).toBe(row!["events"]);
  expect(await miscounts(sql)).toEqual([]);
  await sql.end();
});

test("the office outlived it all, and its log has no word of the secret", async () => {
  expect(office.output()).toContain("DATABASE_UNREACHABLE");
  // Once for each time that it was away, not for each try.
  const lost = office.output().match(/The office cannot number events at the moment/g) ?? [];
  expect(lost.length).toBeGreaterThan(0);
  expect(lost.length).toBe((office.output().match(/The office can number events again/g) ?? []).length);
  expect(office.output()).not.toContain(secret);
  expect(await office.stop()).toBe(0);
  expect(office.output()).not.toContain(secret);
});

async function postgresUp(): Promise<void> {
  const progress = () => undefined;
  const { signal } = new AbortController();
  const binaries = await resolvePostgres({ progress, signal });
  server = await startPostgres({ binaries, folder, port, database: "dlo", progress, signal });
}

/** Waits until an activity of this workflow has failed twice over for the want of Postgres. */
async function waits(workflowId: string, activity: string): Promise<void> {
  await until(async () => {
    const { raw } = await dlo.temporal.workflow.getHandle(workflowId).describe();
    return (raw.pendingActivities ?? []).some(
      ({ activityType, attempt, lastFailure }) => activityType?.name === activity && (attempt ?? 0) >= 2 && lastFailure,
    );
  });
}

/** A job's input stands in Temporal where Temporal needs it to run the job, and nowhere else. */
async function noSecret(id: string): Promise<void> {
  expect(await placesOf(secret, dlo.temporal, id)).toEqual([
    "activityTaskScheduledEventAttributes.input",
    "workflowExecutionStartedEventAttributes.input",
    "workflowExecutionStartedEventAttributes.memo",
  ]);
  const inLetter = await placesOf(secret, dlo.temporal, letterWorkflowId(id));
  const ofARetry = [
    "activityTaskCompletedEventAttributes.result",
    "markerRecordedEventAttributes.details",
    "startChildWorkflowExecutionInitiatedEventAttributes.input",
    "startChildWorkflowExecutionInitiatedEventAttributes.memo",
  ];
  expect(inLetter.filter((place) => !ofARetry.includes(place))).toEqual([]);
}

async function dead(id: string): Promise<LetterRow> {
  const run = await dlo.start(charge, card, { id, headers });
  await expect(run.result()).rejects.toMatchObject({ code: "JOB_DIED" });
  return await dlo.letters.get(id);
}

async function story(letter: LetterRow): Promise<string[]> {
  return (await dlo.letters.story(letter.id)).events.map(({ type }) => type);
}

async function count(workflowId: string): Promise<Record<string, number>> {
  const sql = postgres(server.url, { max: 1 });
  const [letters] = await sql`select count(*)::int as n from dlo.dead_letters where workflow_id = ${workflowId}`;
  const [deaths] = await sql`select count(*)::int as n from dlo.deaths where workflow_id = ${workflowId}`;
  const [attempts] = await sql`
    select count(*)::int as n from dlo.attempts join dlo.dead_letters on id = letter_id where workflow_id = ${workflowId}`;
  await sql.end();
  return { letters: letters!["n"], deaths: deaths!["n"], attempts: attempts!["n"] };
}

function handleOf(id: string) {
  return dlo.temporal.workflow.getHandle(letterWorkflowId(id));
}

function bankIsClosed(): never {
  throw new Error("the bank is closed");
}
