import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import type { Dlo } from "../../client/index.ts";
import { letterWorkflowId, redriveWorkflowId } from "../../model/ids.ts";
import { defineJob } from "../../model/index.ts";
import type { LetterRow } from "../../schema/rows.ts";
import { gate } from "../setup/post-office.ts";
import { openWorld, until, type World } from "../setup/world.ts";
import { placesOf } from "./find-text.ts";
import { startPart } from "./processes.ts";
import { SealedCodec } from "./sealed.ts";

// Payloads are encrypted on their way through Temporal, by client, worker and office alike.

const secret = "4929-7712-0031-8840";
const newSecret = "5500-1234-9876-0042";
const headers = { traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "x-card": secret };

const input = z.object({ to: z.string(), card: z.string(), address: z.object({ street: z.string() }).optional() });
const jobOf = (name: string, queue: string) =>
  defineJob({ name, input, activity: { retry: { maximumAttempts: 1 } }, deadLetter: { queue } });
const charge = jobOf("charge", "default");
const open = jobOf("openCharge", "open");
const omitted = jobOf("omittedCharge", "omitted");

let world: World;
let dlo: Dlo;
const mended = new Set<string>();
/** What runs wait for, by id. */
const waiting = new Map<string, Promise<unknown>>();
/** What runs were started with, by id. */
const seen = new Map<string, { input: unknown; headers: unknown }[]>();

beforeAll(async () => {
  world = await openWorld();
  const codec = new SealedCodec();
  dlo = await world.connect({ codec, identity: "tester" });
  await world.office({
    codec,
    queues: { open: { store: "decoded" }, omitted: { payload: "omit" } },
    redact: ["CARD", "x-card", "address.street"],
  });
  await world.worker({
    codec,
    jobs: [charge, open, omitted].map((job) =>
      job.handle(async (given, ctx) => {
        seen.set(ctx.workflowId, [...(seen.get(ctx.workflowId) ?? []), { input: given, headers: ctx.headers }]);
        ctx.heartbeat({ at: given.card });
        await waiting.get(ctx.workflowId);
        if (!mended.has(ctx.workflowId)) throw new Error("the bank is closed");
        return `charged ${given.card}`;
      }),
    ),
  });
});
afterAll(async () => await world?.close());

test("the secret is nowhere to be read, in Postgres or in Temporal, and the retry has it all the same", async () => {
  const card = { to: "ann", card: secret };
  const letter = await dead(charge, "sealed-1", card);
  expect(letter).toMatchObject({ payload: null, headers: {}, traceId: "0af7651916cd43dd8448eb211c80319c" });
  await unreadable(secret, "sealed-1");
  mended.add("sealed-1");
  expect(await dlo.letters.retry(letter.id, { by: "ann", waitFor: "30 seconds" })).toMatchObject({
    status: "recovered",
  });
  expect(await dlo.temporal.workflow.getHandle("sealed-1").result()).toBe(`charged ${secret}`);
  expect(seen.get("sealed-1")).toEqual([
    { input: card, headers },
    { input: card, headers },
  ]);
  await unreadable(secret, "sealed-1");
});

test("an amendment is encrypted as well, and the original stays beside it", async () => {
  const letter = await dead(charge, "sealed-2", { to: "ann", card: secret });
  await dlo.letters.amend(letter.id, { input: { to: "ann", card: newSecret }, by: "ann" });
  const [row] =
    await world.sql`select payload, payload_data, original_payload_data from dlo.dead_letters where id = ${letter.id}`;
  expect(row!["payload"]).toBeNull();
  expect(row!["original_payload_data"]).not.toEqual(row!["payload_data"]);
  mended.add("sealed-2");
  await dlo.letters.retry(letter.id, { waitFor: "30 seconds" });
  expect(seen.get("sealed-2")!.at(-1)).toMatchObject({ input: { to: "ann", card: newSecret }, headers });
  await unreadable(newSecret, "sealed-2");
  await unreadable(secret, "sealed-2");
});

test("a retry for later with a new input keeps that encrypted while it waits", async () => {
  const letter = await dead(charge, "sealed-3", { to: "ann", card: secret });
  await dlo.letters.retry(letter.id, { input: { to: "ann", card: newSecret }, after: "1 hour" });
  await unreadable(newSecret, "sealed-3");
  mended.add("sealed-3");
  await dlo.letters.retry(letter.id, { waitFor: "30 seconds" });
  expect(seen.get("sealed-3")!.at(-1)).toMatchObject({ input: { card: newSecret } });
});

test("what a redrive puts into inputs is encrypted while it waits, and nowhere to be read", async () => {
  const ids = ["sealed-5", "sealed-6"];
  const letters = [];
  for (const id of ids) letters.push((await dead(charge, id, { to: "ann", card: secret })).id);
  for (const id of ids) mended.add(id);
  const patch = [{ op: "replace", path: "/card", value: newSecret }];
  const redrives = [
    await dlo.redrives.start({ ids: letters.slice(0, 1) }, { force: true, amend: { patch } }),
    await dlo.redrives.start(
      { ids: letters.slice(1) },
      { force: true, command: { name: "retry", input: { to: "ann", card: newSecret } } },
    ),
  ];
  for (const { id } of redrives) {
    await until(async () => (await dlo.redrives.get(id)).status === "completed");
    expect((await dlo.redrives.get(id)).counts).toMatchObject({ recovered: 1 });
    expect(await placesOf(newSecret, dlo.temporal, redriveWorkflowId(id))).toEqual([]);
  }
  for (const id of ids) expect(seen.get(id)!.at(-1)).toMatchObject({ input: { card: newSecret } });
  expect(await tablesWith(newSecret)).toEqual([]);
  const [patched, given] = await Promise.all(redrives.map(async ({ id }) => await dlo.redrives.get(id)));
  expect(patched).toMatchObject({
    spec: { amend: { patch: [{ op: "replace", path: "/card", value: "[redacted]" }] } },
  });
  expect(given).toMatchObject({ spec: { command: { name: "retry", input: "[redacted]" } } });
});

test("a new input is checked under the codec, too", async () => {
  const letter = await dead(charge, "sealed-4", { to: "ann", card: secret });
  await expect(dlo.letters.amend(letter.id, { input: { to: 7 } })).rejects.toMatchObject({ code: "INPUT_INVALID" });
});

test("a queue that stores decoded shows payload and headers, but for what is redacted", async () => {
  const letter = await dead(open, "open-1", { to: "ann", card: secret, address: { street: "Elm Street" } });
  expect(letter).toMatchObject({
    payload: { to: "ann", card: "[redacted]", address: { street: "[redacted]" } },
    headers: { traceparent: headers.traceparent, "x-card": "[redacted]" },
  });
  await dlo.letters.amend(letter.id, { input: { to: "bob", card: newSecret } });
  expect(await dlo.letters.get(letter.id)).toMatchObject({ payload: { to: "bob", card: "[redacted]" } });
  await unreadable(secret, "open-1");
  await unreadable(newSecret, "open-1");
  mended.add("open-1");
  await dlo.letters.retry(letter.id, { waitFor: "30 seconds" });
  expect(seen.get("open-1")!.at(-1)).toEqual({ input: { to: "bob", card: newSecret }, headers });
});

test("a queue that omits payloads stores none, and such a letter is retried only with an input", async () => {
  const letter = await dead(omitted, "omitted-1", { to: "ann", card: secret });
  expect(letter).toMatchObject({ payload: null, payloadOmitted: true });
  const stored = async () =>
    await world.sql`
      select l.payload_data, l.original_payload_data, d.payload_data as of_death
      from dlo.dead_letters l join dlo.deaths d on d.letter_id = l.id where l.id = ${letter.id}`;
  expect(await stored()).toEqual([{ payload_data: null, original_payload_data: null, of_death: null }]);
  await expect(dlo.letters.retry(letter.id)).rejects.toMatchObject({ code: "PAYLOAD_OMITTED" });
  expect(await dlo.letters.get(letter.id)).toMatchObject({ status: "parked", retries: 0 });
  // The new one is run, not kept: a death that follows leaves the letter as it was.
  await dlo.letters.retry(letter.id, { input: { to: "ann", card: newSecret } });
  await until(async () => (await dlo.letters.get(letter.id)).deaths === 2);
  expect((await stored()).map((row) => ({ ...row }))).toEqual(
    Array.from({ length: 2 }, () => ({ payload_data: null, original_payload_data: null, of_death: null })),
  );
  mended.add("omitted-1");
  await dlo.letters.retry(letter.id, { input: { to: "ann", card: newSecret }, waitFor: "30 seconds" });
  expect(seen.get("omitted-1")!.map(({ input: given }) => (given as { card: string }).card)).toEqual([
    secret,
    newSecret,
    newSecret,
  ]);
});

test("an input that would be kept for later is refused where payloads are omitted", async () => {
  const letter = await dead(omitted, "omitted-2", { to: "ann", card: secret });
  const given = { to: "ann", card: newSecret };
  await expect(dlo.letters.amend(letter.id, { input: given })).rejects.toMatchObject({ code: "PAYLOAD_OMITTED" });
  await expect(dlo.letters.retry(letter.id, { input: given, after: "1 hour" })).rejects.toMatchObject({
    code: "PAYLOAD_OMITTED",
  });
  expect(await dlo.letters.get(letter.id)).toMatchObject({ status: "parked", retryAt: null });
  expect((await dlo.letters.story(letter.id)).events.map(({ type }) => type)).toEqual(["parked"]);
  // One that came while a retry ran had to be taken: its refusal is in the story.
  const bank = gate<string>();
  waiting.set("omitted-2", bank.opened);
  await dlo.letters.retry(letter.id, { input: given });
  await dlo.letters.amend(letter.id, { input: given, by: "bob" });
  bank.fail(new Error("the bank is closed for good"));
  await until(async () => (await dlo.letters.story(letter.id)).events.at(-1)?.type === "refused");
  const { events } = await dlo.letters.story(letter.id);
  expect(events.at(-1)).toMatchObject({
    by: "bob",
    data: { command: "amend", why: expect.stringContaining("stores no payloads") },
  });
  expect(await dlo.letters.discard(letter.id)).toMatchObject({ status: "discarded" });
});

test("an office that lacks the codec leaves deaths waiting; one that has it takes them up", async () => {
  await using bare = await openWorld();
  const codec = new SealedCodec();
  const sealed = await bare.connect({ codec });
  const { address, namespace, databaseUrl } = bare;
  const options = JSON.stringify({ address, namespace });
  const keyless = await startPart("part.mts", ["office", options], { DLO_DATABASE_URL: databaseUrl });
  await bare.worker({ codec, jobs: [charge.handle(() => Promise.reject(new Error("the bank is closed")))] });
  const run = await sealed.start(charge, { to: "ann", card: secret }, { id: "keyless-1", headers });
  await until(async () => {
    const { raw } = await sealed.temporal.workflow.getHandle("keyless-1").describe();
    return (raw.pendingActivities ?? []).some(({ attempt, lastFailure }) => (attempt ?? 0) >= 2 && lastFailure);
  });
  await keyless.stop();
  // The name is this database's still, whoever wrote that down with a codec or without.
  const keyed = await bare.office({ codec });
  await expect(run.result()).rejects.toMatchObject({ code: "JOB_DIED" });
  await keyed.stop();
});

test("an office with a codec may be claimed first, and one without it still knows the name", async () => {
  await using bare = await openWorld();
  await (await bare.office({ codec: new SealedCodec() })).stop();
  await (await bare.office()).stop();
  await (await bare.office({ codec: new SealedCodec() })).stop();
  await using other = await openWorld();
  await expect(bare.office({ databaseUrl: other.databaseUrl })).rejects.toMatchObject({ code: "OFFICE_MISMATCH" });
});

async function dead(job: typeof charge, id: string, given: z.infer<typeof input>): Promise<LetterRow> {
  const run = await dlo.start(job, given, { id, headers });
  await expect(run.result()).rejects.toMatchObject({ code: "JOB_DIED" });
  return await dlo.letters.get(id);
}

/** Looks through every column of every row of ours, and through the histories of a job and its letter. */
async function unreadable(text: string, id: string): Promise<void> {
  expect(await tablesWith(text)).toEqual([]);
  for (const workflowId of [id, letterWorkflowId(id)])
    expect(await placesOf(text, dlo.temporal, workflowId)).toEqual([]);
}

async function tablesWith(text: string): Promise<string[]> {
  const found: string[] = [];
  const tables = await world.sql`select table_name from information_schema.tables where table_schema = 'dlo'`;
  // As text a bytea is hexadecimal.
  const hex = Buffer.from(text).toString("hex");
  for (const { table_name: table } of tables) {
    const rows =
      await world.sql`select 1 from dlo.${world.sql(table)} as t where t::text like ${`%${text}%`} or t::text like ${`%${hex}%`}`;
    if (rows.length > 0) found.push(table);
  }
  return found;
}
