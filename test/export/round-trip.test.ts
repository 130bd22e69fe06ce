import { randomBytes } from "node:crypto";
import { defaultPayloadConverter } from "@temporalio/common";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import type { ImportedLine } from "../../client/index.ts";
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

const pay = defineJob({
  name: "pay",
  input: z.any(),
  activity: { retry: { maximumAttempts: 1 } },
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
const paid = pay.handle((input, { headers, idempotencyKey }) => {
  if (!mended) throw new Error("the bank is closed");
  return { input: input instanceof Uint8Array ? [...input] : (input as unknown), headers, idempotencyKey };
});

beforeAll(async () => {
  [from, to] = await Promise.all([openWorld(), openWorld()]);
  await Promise.all([from.office(), to.office(), from.worker({ jobs: [handled, paid] })]);
});
afterAll(async () => {
  await from?.close();
  await to?.close();
});

const least = {
  job: "ship",
  workflowId: "least",
  errorType: "Error",
  errorMessage: "ECONNREFUSED",
  failedAt: "2026-01-31T12:00:00Z",
};

/** What the retry of an imported letter returns. */
async function retried(id: string): Promise<unknown> {
  expect(await to.dlo.letters.retry(id, { waitFor: "30 seconds" })).toMatchObject({ status: "recovered" });
  return await to.dlo.temporal.workflow.getHandle(id).result();
}

/** What its latest run was started with. */
async function argumentsOf(id: string): Promise<unknown[]> {
  const { events } = await to.dlo.temporal.workflow.getHandle(id).fetchHistory();
  const payloads = events?.[0]?.workflowExecutionStartedEventAttributes?.input?.payloads ?? [];
  return payloads.map((payload) => {
    const value: unknown = defaultPayloadConverter.fromPayload(payload);
    return value instanceof Uint8Array ? "bytes" : value;
  });
}

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

test("a plain line's letter is retried with the headers, the idempotency key, the key and the batch of its run", async () => {
  const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
  const headers = { tenant: "acme", traceparent, authorization: "Bearer 1", note: "a�b" };
  const special = { headers, idempotencyKey: "pay-77", key: "customer/77", batch: "monday" };
  await (await from.dlo.start(pay, { cents: 77 }, { id: "pay/77", ...special })).result().catch(() => undefined);
  await (await from.dlo.start(pay, { cents: 78 }, { id: "pay/78" })).result().catch(() => undefined);
  const [special77, usual78] = jsonLines(await linesOf(from.dlo.letters.export("workflow-id:pay/77,pay/78")));
  // As an office with "redact" shows it; and "note" is as it was, for nothing was cleaned.
  special77!["headers"].authorization = "[redacted]";
  const lines = [
    special77,
    usual78,
    { ...special77, id: undefined, runId: "cleaned", workflowId: "pay/79", cleaned: true },
  ];
  expect(await to.dlo.letters.import(lines.map((line) => JSON.stringify(line)))).toMatchObject({ imported: 3 });
  mended = true;
  await using _ = await to.worker({ jobs: [paid] });
  expect(await retried("pay/77")).toEqual({
    input: { cents: 77 },
    headers: { tenant: "acme", traceparent, note: "a�b" },
    idempotencyKey: "pay-77",
  });
  expect(await retried("pay/78")).toEqual({ input: { cents: 78 }, headers: {}, idempotencyKey: "pay/78" });
  await to.dlo.letters.retry("pay/79", { input: { cents: 79 }, waitFor: "30 seconds" });
  const result = await to.dlo.temporal.workflow.getHandle("pay/79").result();
  expect(result).toMatchObject({ headers: { tenant: "acme", traceparent }, idempotencyKey: "pay-77" });
  expect(result.headers).not.toHaveProperty("note");
  const memos = await to.sql`select workflow_id from dlo.dead_letters where memo_data is null and job = 'pay'`;
  expect(memos).toEqual([{ workflow_id: "pay/78" }]);
  mended = false;
  // What dies again is filed as what it was.
  const again = { ...special77, id: undefined, runId: "again", workflowId: "pay/80" };
  await to.dlo.letters.import([JSON.stringify(again)]);
  expect(await to.dlo.letters.retry("pay/80", { waitFor: "30 seconds" })).toMatchObject({
    ...{ status: "parked", deaths: 2, idempotencyKey: "pay-77", key: "customer/77", batch: "monday" },
    ...{ traceId: "0af7651916cd43dd8448eb211c80319c", headers: { tenant: "acme", traceparent, note: "a�b" } },
  });
});

test("a made memo is encrypted as the input is", async () => {
  const codec = new SealedCodec();
  await using sealed = await openWorld();
  await sealed.office({ codec });
  await sealed.worker({ jobs: [paid], codec });
  const withKey = await sealed.connect({ codec });
  const line = { ...least, job: "pay", workflowId: "pay/1", payload: { cents: 1 }, headers: { tenant: "secret-4711" } };
  expect(await withKey.letters.import([JSON.stringify(line)])).toMatchObject({ imported: 1 });
  const [row] = await sealed.sql`select memo_data, payload_data from dlo.dead_letters`;
  expect(row!["memo_data"].toString("latin1")).not.toContain("secret-4711");
  expect(row!["payload_data"].toString("latin1")).not.toContain("cents");
  mended = true;
  expect(await withKey.letters.retry("pay/1", { waitFor: "30 seconds" })).toMatchObject({ status: "recovered" });
  mended = false;
  expect(await withKey.temporal.workflow.getHandle("pay/1").result()).toMatchObject({
    headers: { tenant: "secret-4711" },
  });
});

test("bytes of a plain line are bytes again, and what is no job gets its arguments one by one", async () => {
  const bytes = { base64: Buffer.from([0, 1, 255]).toString("base64") };
  const shapes = {
    bytes: ["job", bytes, undefined],
    "a list": ["job", [1, bytes], undefined],
    "more than bytes": ["job", { ...bytes, name: "x" }, undefined],
    "no base64": ["job", { base64: "not so!" }, undefined],
    "two arguments": ["workflow", [{ id: 1 }, bytes], [{ id: 1 }, "bytes"]],
    "one list": ["workflow", ["x"], [["x"]]],
    "one argument": ["workflow", "x", ["x"]],
  } as const;
  const line = { ...least, job: "pay", taskQueue: "jobs" };
  const lines = Object.entries(shapes).map(([workflowId, [kind, payload]]) => ({ ...line, workflowId, kind, payload }));
  const report = await to.dlo.letters.import(lines.map((one) => JSON.stringify(one)));
  expect(report).toMatchObject({ imported: lines.length });
  mended = true;
  await using _ = await to.worker({ jobs: [paid] });
  expect(await retried("bytes")).toMatchObject({ input: [0, 1, 255] });
  for (const id of ["a list", "more than bytes", "no base64"] as const)
    expect(await retried(id)).toMatchObject({ input: shapes[id][1] });
  for (const id of ["two arguments", "one list", "one argument"] as const) {
    await to.dlo.letters.retry(id, { waitFor: "30 seconds" });
    expect(await argumentsOf(id)).toEqual(shapes[id][2]);
  }
  mended = false;
});

test("what Temporal or Postgres would refuse of one line is refused, and the others go on", async () => {
  const odd = (id: string, more: object = {}) => JSON.stringify({ ...least, workflowId: id, ...more });
  const id = await dead(from, "tried-twice", 11);
  const [full] = jsonLines(await linesOf(from.dlo.letters.export("workflow-id:tried-twice", { full: true })));
  const twice = structuredClone(full!);
  const { attemptRows } = twice["story"].deaths[0];
  attemptRows[1].n = attemptRows[0].n;
  const lines = [
    odd("i".repeat(989)),
    odd("ü".repeat(495)),
    odd("type", { workflowType: "t".repeat(1001) }),
    JSON.stringify(twice),
    odd("i".repeat(988)),
    JSON.stringify(full),
  ];
  const refused = (await to.dlo.letters.import(lines, { dryRun: true })).skipped;
  expect(refused.map(({ why }) => why)).toEqual([
    "workflowId has 989 bytes, and at most 988 are possible",
    "workflowId has 990 bytes, and at most 988 are possible",
    "workflowType has 1001 bytes, and at most 1000 are possible",
    "story.deaths[0].attemptRows[1].n is 1, and so is that of an earlier attempt",
  ]);
  // No index has room for that; a dry run does not ask for it.
  lines.push(odd("long run", { runId: randomBytes(5000).toString("hex") }), odd("the last one"));
  const report = await to.dlo.letters.import(lines);
  expect(report).toMatchObject({ imported: 3, refused: 5 });
  expect(report.skipped.at(-1)).toMatchObject({ line: 7, why: expect.stringContaining("SQLSTATE 54000") as string });
  expect(await to.dlo.letters.discard(id)).toMatchObject({ status: "discarded" });
  expect(await to.dlo.letters.discard("i".repeat(988))).toMatchObject({ status: "discarded" });
});

test("a dry run says of a line that comes twice what the import says", async () => {
  const one = { ...least, id: "0197a3b2-1c4d-7000-8000-00000000000a", workflowId: "said twice" };
  const lines = [one, one, { ...one, id: undefined, runId: "another" }, { ...least, workflowId: "without id" }].map(
    (line) => JSON.stringify(line),
  );
  lines.push(lines[3]!);
  const dry: unknown[] = [];
  const real: unknown[] = [];
  const told = (into: unknown[]) => ({
    onLine: ({ line, outcome, why }: ImportedLine) =>
      into.push({ line, outcome, why: why?.replace(/: [0-9a-f-]{36}$|: an earlier line's$/, "") }),
  });
  await to.dlo.letters.import(lines, { dryRun: true, ...told(dry) });
  await to.dlo.letters.import(lines, told(real));
  expect(dry).toEqual(real);
  expect(real).toMatchObject([
    { outcome: "imported" },
    { outcome: "here", why: "it is here already (parked)" },
    { outcome: "refused" },
    { outcome: "imported" },
    { outcome: "here" },
  ]);
});

test("pieces of a file may be overwritten once they are taken", async () => {
  const file = Buffer.from(
    ["reused/1", "reused/2"].map((workflowId) => JSON.stringify({ ...least, workflowId })).join("\n"),
  );
  function* pieces() {
    const buffer = Buffer.alloc(50);
    for (let at = 0; at < file.length; at += buffer.length) yield buffer.subarray(0, file.copy(buffer, 0, at));
  }
  expect(await to.dlo.letters.import(pieces())).toMatchObject({ imported: 2, refused: 0 });
});

test("the least that a letter needs, and payloads that cannot be an input again", async () => {
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
