import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { defineJob } from "../../model/index.ts";
import { SealedCodec } from "../office/sealed.ts";
import { openWorld, until, type World } from "../setup/world.ts";
import { jsonLines, linesOf } from "./lines.ts";

const ship = defineJob({
  name: "ship",
  input: z.object({ order: z.any() }),
  activity: { retry: { maximumAttempts: 2, initialInterval: "10 ms" } },
  deadLetter: { tags: ["vip", "eu"] },
  key: ({ order }) => String(order),
});

let from: World;
let to: World;
let mended = false;
const shipped: unknown[] = [];
const handled = ship.handle(({ order }) => {
  if (!mended)
    throw new RangeError(`no such order: ${JSON.stringify(order)}`, { cause: new Error("the shelf is empty") });
  shipped.push(order);
  return { shipped: order };
});

beforeAll(async () => {
  [from, to] = await Promise.all([openWorld(), openWorld()]);
  await Promise.all([from.office(), to.office(), from.worker({ jobs: [handled] })]);
});
afterAll(async () => {
  await from?.close();
  await to?.close();
});

async function dead(world: World, id: string, order: unknown): Promise<string> {
  await (await world.dlo.start(ship, { order }, { id, headers: { tenant: "acme" } })).result().catch(() => undefined);
  return (await world.dlo.letters.get(id)).id;
}

const odd = [
  "a\u0000b",
  "\ud800 half a pair",
  "emoji 😀 \u2028 ünïcode",
  'line\nbreak "quoted", comma\t\u0001',
  "\\.",
  "=cmd|' /C calc'!A0",
];

test("a full export comes back elsewhere as it was, and its letters can be retried there", async () => {
  const ids = [];
  for (const [i, order] of odd.entries()) ids.push(await dead(from, `odd-${i}`, order));
  await from.dlo.letters.retry(ids[0]!, { waitFor: "30 seconds", by: "ann", reason: "once more" });
  await from.dlo.letters.note(ids[1]!, { text: "looked", by: "ann" });
  await from.dlo.letters.amend(ids[2]!, { input: { order: "amended 😀" } });
  // Bytes are no JSON: the job refuses them, and its letter keeps them.
  const bytes = { taskQueue: "jobs", workflowId: "binary", args: [Uint8Array.from({ length: 256 }, (_, i) => i)] };
  await from.dlo.temporal.workflow.execute("ship", bytes).catch(() => undefined);
  const lines = await linesOf(from.dlo.letters.export({}, { full: true }));
  expect(lines).toHaveLength(odd.length + 1);

  const report = await to.dlo.letters.import(lines, { by: "bob", reason: "to look at it" });
  expect(report).toEqual({ imported: odd.length + 1, here: 0, closed: 0, refused: 0, skipped: [] });

  const before = jsonLines(lines).map(comparable);
  const after = jsonLines(await linesOf(to.dlo.letters.export({}, { full: true })));
  expect(after.map(comparable)).toEqual(before);
  for (const [i, letter] of after.entries()) {
    expect(letter).toMatchObject({
      id: before[i]!["id"],
      status: "parked",
      namespace: to.namespace,
      tags: ["vip", "eu"],
    });
    expect(letter["story"].events[0]).toMatchObject({ type: "imported", by: "bob", reason: "to look at it" });
    const { data } = letter["story"].events[0];
    expect(data).toMatchObject({ id: letter["id"], namespace: from.namespace, status: "parked" });
    expect(data.events).toEqual(jsonLines(lines)[i]!["story"].events);
  }
  // Byte for byte, in the tables themselves.
  const data = (world: World) => world.sql`
    select id, payload_data, original_payload_data, memo_data,
      array(select payload_data from dlo.deaths where letter_id = l.id order by n) as of_deaths
    from dlo.dead_letters l order by id`;
  expect(await data(to)).toEqual(await data(from));

  mended = true;
  await using _ = await to.worker({ jobs: [handled] });
  for (const [i, id] of ids.entries()) {
    const letter = await to.dlo.letters.retry(id, { waitFor: "30 seconds" });
    expect(letter).toMatchObject({ status: "recovered", retries: i === 0 ? 2 : 1 });
  }
  // JSON.stringify writes half a pair as an escape, so even that one arrives.
  expect(shipped).toEqual(odd.map((order, i) => (i === 2 ? "amended 😀" : order)));
  mended = false;
});

test("importing again leaves alone what is here, and what was closed meanwhile stays closed", async () => {
  const id = await dead(from, "again", 7);
  const lines = await linesOf(from.dlo.letters.export(`workflow-id:again`, { full: true }));
  expect(await to.dlo.letters.import(lines)).toMatchObject({ imported: 1 });
  const again = await to.dlo.letters.import(lines);
  expect(again).toMatchObject({
    imported: 0,
    here: 1,
    skipped: [{ line: 1, outcome: "here", id, why: "it is here already (parked)" }],
  });
  await to.dlo.letters.discard(id);
  expect(await to.dlo.letters.import(lines)).toMatchObject({
    here: 1,
    skipped: [{ why: "it is here already (discarded)" }],
  });
  expect(await to.dlo.letters.get(id)).toMatchObject({ status: "discarded" });
  // Where it has never left.
  expect(await from.dlo.letters.import(lines)).toMatchObject({ here: 1, imported: 0 });
});

test("an import that a crash interrupted is brought to its end by another", async () => {
  const id = await dead(from, "crashed", 8);
  const lines = await linesOf(from.dlo.letters.export("workflow-id:crashed", { full: true }));
  await to.dlo.letters.import(lines);
  const handle = to.dlo.temporal.workflow.getHandle("dead-letter/crashed");
  // As if the process had ended before it started the workflow.
  await handle.terminate();
  expect(await to.dlo.letters.import(lines)).toMatchObject({ here: 1 });
  await until(async () => (await handle.describe()).status.name === "RUNNING");
  expect(await to.dlo.letters.discard(id)).toMatchObject({ status: "discarded" });
});

test("closed letters are skipped unless they are asked for, and then they are parked", async () => {
  const id = await dead(from, "closed", 9);
  await from.dlo.letters.discard(id);
  const lines = await linesOf(from.dlo.letters.export("workflow-id:closed", { full: true }));
  expect(await to.dlo.letters.import(lines)).toMatchObject({
    closed: 1,
    imported: 0,
    skipped: [{ outcome: "closed", why: "it was closed (discarded) where it comes from" }],
  });
  expect(await to.dlo.letters.import(lines, { dryRun: true, closed: true })).toMatchObject({ imported: 1 });
  expect((await to.dlo.letters.list({ workflowId: "closed" })).letters).toEqual([]);
  const began = Date.now();
  expect(await to.dlo.letters.import(lines, { closed: true })).toMatchObject({ imported: 1 });
  const letter = await to.dlo.letters.get(id);
  expect(letter).toMatchObject({ status: "parked", closedAt: null, keepUntil: null });
  // The retention begins anew.
  expect(letter.expiresAt!.getTime()).toBeGreaterThanOrEqual(began + letter.retentionMs!);
});

test("into another namespace of the same database a letter goes under another id, always the same", async () => {
  const id = await dead(from, "neighbour", 10);
  const lines = await linesOf(from.dlo.letters.export("workflow-id:neighbour", { full: true }));
  const other = await to.connect({ databaseUrl: from.databaseUrl });
  await expect(other.letters.import(lines)).rejects.toMatchObject({ code: "OFFICE_MISMATCH" });
  const report = await other.letters.import(lines, { office: "another" });
  expect(report).toMatchObject({ imported: 1 });
  const copy = await other.letters.get("neighbour");
  expect(copy.id).not.toBe(id);
  expect(await other.letters.import(lines, { office: "another" })).toMatchObject({
    here: 1,
    skipped: [{ id: copy.id }],
  });
  expect(await from.dlo.letters.get(id)).toMatchObject({ namespace: from.namespace });
  await from.sql`delete from dlo.dead_letters where id = ${copy.id}`;
});

test("what is encrypted is carried as it is: who has the key can retry it", async () => {
  const codec = new SealedCodec();
  await using sealed = await openWorld();
  await using elsewhere = await openWorld();
  await sealed.office({ codec });
  await elsewhere.office({ codec });
  await sealed.worker({ jobs: [handled], codec });
  const dlo = await sealed.connect({ codec });
  await (await dlo.start(ship, { order: "secret-4711" }, { id: "sealed" })).result().catch(() => undefined);
  // Neither side needs the key.
  const lines = await linesOf(sealed.dlo.letters.export({}, { full: true }));
  expect(lines).toHaveLength(1);
  expect(await elsewhere.dlo.letters.import(lines)).toMatchObject({ imported: 1 });
  expect(jsonLines(lines)[0]!["payload"]).toBeNull();
  const [bytes] = await elsewhere.sql`select payload_data from dlo.dead_letters`;
  expect(bytes!["payload_data"].toString("base64")).toBe(jsonLines(lines)[0]!["payloadData"]);
  await elsewhere.worker({ jobs: [ship.handle(({ order }) => order)], codec });
  const withKey = await elsewhere.connect({ codec });
  expect(await withKey.letters.retry("sealed", { waitFor: "30 seconds" })).toMatchObject({ status: "recovered" });
});

test("plain lines come back with one death, and their payload as input", async () => {
  await dead(from, "plain", "from a list");
  const lines = await linesOf(from.dlo.letters.export("workflow-id:plain"));
  expect(jsonLines(lines)[0]).not.toHaveProperty("payloadData");
  expect(await to.dlo.letters.import(lines)).toMatchObject({ imported: 1 });
  const { letters, next } = await from.dlo.letters.list("workflow-id:plain");
  expect(next).toBeUndefined();
  const { deaths } = await to.dlo.letters.story(letters[0]!.id);
  expect(deaths).toMatchObject([{ n: 1, errorType: "RangeError", runId: letters[0]!.runId, attempts: 2 }]);
  mended = true;
  shipped.length = 0;
  await using _ = await to.worker({ jobs: [handled] });
  expect(await to.dlo.letters.retry("plain", { waitFor: "30 seconds" })).toMatchObject({ status: "recovered" });
  mended = false;
  expect(shipped).toEqual(["from a list"]);
});

test("the least that a letter needs, and payloads that cannot be an input again", async () => {
  const least = {
    job: "ship",
    workflowId: "least",
    errorType: "Error",
    errorMessage: "ECONNREFUSED",
    failedAt: "2026-01-31T12:00:00Z",
  };
  const lines = [
    least,
    { ...least, workflowId: "hidden", payload: { card: "[redacted]" } },
    { ...least, workflowId: "omitted", payloadOmitted: true },
    { ...least, workflowId: "binary", payloadData: "CgoKCgAKBGRhdGE=", failedAt: "2026-02-30T12:00:00Z" },
  ].map((line) => JSON.stringify(line));
  const report = await to.dlo.letters.import(lines);
  expect(report).toMatchObject({ imported: 3, refused: 1, skipped: [{ line: 4, outcome: "refused" }] });
  expect(await to.dlo.letters.get("least")).toMatchObject({
    kind: "job",
    queue: "default",
    reason: "failed",
    status: "parked",
    deaths: 1,
    retentionMs: 30 * 86_400_000,
    failedAt: new Date("2026-01-31T12:00:00Z"),
  });
  for (const id of ["hidden", "omitted", "least"])
    await expect(to.dlo.letters.retry(id)).rejects.toMatchObject({ code: "PAYLOAD_OMITTED" });
  expect(await to.dlo.letters.import(lines)).toMatchObject({ here: 3, refused: 1 });
});

/** What differs by nature: where it is, what the office decides anew, and the story since. */
function comparable(letter: Record<string, any>): Record<string, any> {
  const { namespace: _1, expiresAt: _2, revision: _3, story, causes, ...rest } = letter;
  return {
    ...rest,
    causes: causes.map(({ id, fingerprint, version, title, errorType, firstSeenAt }: Record<string, unknown>) => ({
      ...{ id, fingerprint, version, title, errorType, firstSeenAt },
    })),
    deaths: story.deaths.map(({ id: _id, namespace: _n, ...death }: Record<string, unknown>) => death),
  };
}
