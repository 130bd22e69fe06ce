import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { connect, type CapturedRecord } from "../../client/index.ts";
import { letterWorkflowId } from "../../model/ids.ts";
import { bareEnvironment, command, dlo, environmentOf } from "../cli/dlo.ts";
import { openCutProxy } from "../setup/cut-proxy.ts";
import { openFaultyOffice } from "../setup/faulty-office.ts";
import { deliver, gate } from "../setup/post-office.ts";
import { openWorld, until, type World } from "../setup/world.ts";

// What goes down, and when, while records are captured: each is one letter in the end, and whoever captures knows what it may commit.

let world: World;
/** Runs of these ids die. */
const dies = new Set<string>();
beforeAll(async () => {
  world = await openWorld();
  await world.worker({
    jobs: [
      deliver.handle((_, { workflowId }) => {
        if (dies.has(workflowId)) throw new Error("nobody at home");
        return "delivered";
      }),
    ],
  });
});
afterAll(async () => await world?.close());

const record = (topic: string, offset: number): CapturedRecord => ({
  job: "deliver",
  payload: { to: "ann", topic, offset },
  source: { system: "kafka", topic, offset },
  error: new Error("nobody at home"),
});

const lettersOf = async (topic: string) => {
  const [row] = await world.sql`
    select count(*)::int letters, coalesce(sum(deaths), 0)::int deaths,
      (select count(*)::int from dlo.events e join dlo.dead_letters l on l.id = e.letter_id
        where l.source->>'topic' = ${topic} and e.type in ('parked', 'captured')) events
    from dlo.dead_letters where source->>'topic' = ${topic}`;
  return row;
};

test("an office that crashes between row and answer leaves one letter, and the answer is that it is new", async () => {
  let crashes = 0;
  const stop = await openFaultyOffice(world, {
    captureRecord: (real) => async (ask) => {
      const verdict = await real(ask);
      // The first word of the job comes from its worker, and is no row yet.
      if (verdict.outcome === "letter" && crashes++ === 0) throw new Error("the office crashed");
      return verdict;
    },
    beginRetry: (real) => async (ask) => {
      await real(ask);
      return await real(ask);
    },
  });
  onTestFinished(stop);
  const captured = await world.dlo.letters.capture(record("crash", 1));
  expect(captured).toMatchObject({ isNew: true, status: "parked" });
  expect(crashes).toBe(2);
  expect(await lettersOf("crash")).toEqual({ letters: 1, deaths: 1, events: 2 });
  expect(await world.dlo.letters.retry(captured.letterId, { waitFor: "30 seconds" })).toMatchObject({
    status: "recovered",
  });
});

test("a job that dies under the record's id while it is being captured keeps its own letter", async () => {
  const held = gate<void>();
  const topic = "met";
  const id = `kafka:offset=1,topic=${topic}`;
  const stop = await openFaultyOffice(world, {
    captureRecord: (real) => async (ask) => {
      await held.opened;
      return await real(ask);
    },
  });
  onTestFinished(stop);
  dies.add(id);
  const capturing = world.dlo.letters.capture(record(topic, 1)).catch((error: unknown) => error);
  const handle = world.dlo.temporal.workflow.getHandle(letterWorkflowId(id));
  await until(async () => (await handle.describe()).status.name === "RUNNING");
  await (await world.dlo.start(deliver, { to: "bob" }, { id })).result().catch(() => undefined);
  held.open();
  expect(await capturing).toMatchObject({ code: "CAPTURE_REFUSED" });
  dies.delete(id);
  expect(await world.dlo.letters.get(id)).toMatchObject({ kind: "job", status: "parked", deaths: 1 });
  expect(await world.dlo.letters.retry(id, { waitFor: "30 seconds" })).toMatchObject({ status: "recovered" });
});

test("without an office the record is safe in Temporal, which the capturer is told, and becomes a letter when one runs", async () => {
  // As in a Lambda: it knows of Temporal alone.
  await using app = await connect({ address: world.address, namespace: world.namespace, identity: "lambda" });
  expect(app.target.database).toBeUndefined();
  const waiting = record("no-office", 1);
  await expect(app.letters.capture(waiting, { waitFor: "1 second" })).rejects.toMatchObject({
    ...{ code: "WAIT_TIMEOUT", details: { workflowId: "kafka:offset=1,topic=no-office" } },
    message: expect.stringContaining("Temporal has the record kafka:offset=1,topic=no-office") as string,
  });
  const handle = app.temporal.workflow.getHandle(letterWorkflowId("kafka:offset=1,topic=no-office"));
  expect((await handle.describe()).status.name).toBe("RUNNING");
  // It is brought again meanwhile, as consumers do.
  await expect(app.letters.capture(waiting, { waitFor: "1 second" })).rejects.toMatchObject({ code: "WAIT_TIMEOUT" });
  const report = await app.letters.captureAll([waiting, record("no-office", 2)], { waitFor: "1 second" });
  expect(report).toMatchObject({ waiting: 2, captured: 0, refused: 0 });
  await using office = await stopped(world.office());
  await until(async () => (await lettersOf("no-office"))!["letters"] === 2);
  expect(await app.letters.capture(waiting)).toMatchObject({ isNew: false, status: "parked" });
  expect(await lettersOf("no-office")).toEqual({ letters: 2, deaths: 2, events: 4 });
  expect(await world.dlo.letters.get("kafka:offset=1,topic=no-office")).toMatchObject({ startedBy: "lambda" });
  expect(office).toBeDefined();
});

test("while Postgres is down a record waits in its letter, then is there once", async () => {
  const proxy = await openCutProxy(world.databaseUrl);
  onTestFinished(() => proxy.close());
  await using office = await stopped(world.office({ databaseUrl: proxy.url }));
  expect(office).toBeDefined();
  await world.dlo.letters.capture(record("outage", 0));
  proxy.cut();
  await expect(world.dlo.letters.capture(record("outage", 1), { waitFor: "4 seconds" })).rejects.toMatchObject({
    code: "WAIT_TIMEOUT",
  });
  const handle = world.dlo.temporal.workflow.getHandle(letterWorkflowId("kafka:offset=1,topic=outage"));
  const { raw } = await handle.describe();
  expect(raw.pendingActivities?.map(({ activityType }) => activityType?.name)).toEqual(["captureRecord"]);
  expect(await lettersOf("outage")).toEqual({ letters: 1, deaths: 1, events: 2 });
  proxy.mend();
  await until(async () => (await lettersOf("outage"))!["letters"] === 2);
  expect(await world.dlo.letters.capture(record("outage", 1))).toMatchObject({ isNew: false, status: "parked" });
  expect(await lettersOf("outage")).toEqual({ letters: 2, deaths: 2, events: 4 });
});

test("a process that is killed in the middle of a batch, and run again, has captured each record once", async () => {
  await using office = await stopped(world.office());
  expect(office).toBeDefined();
  const folder = await mkdtemp(join(tmpdir(), "dlo-capture-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const file = join(folder, "batch.jsonl");
  const lines = Array.from({ length: 160 }, (_, n) =>
    JSON.stringify({ ...record("batch", n), error: "nobody at home" }),
  );
  await writeFile(file, lines.join("\n"));
  const env = environmentOf(world);
  const first = execFile(
    process.execPath,
    [command, "capture", file],
    { env: { ...bareEnvironment(), ...env } },
    () => undefined,
  );
  const ended = new Promise<NodeJS.Signals | null>((resolve) => first.once("exit", (_, signal) => resolve(signal)));
  await until(async () => (await lettersOf("batch"))!["letters"]! >= 20);
  first.kill("SIGKILL");
  expect(await ended).toBe("SIGKILL");
  const before = (await lettersOf("batch"))!["letters"] as number;
  expect(before).toBeLessThan(160);
  const { code, stdout } = await dlo(["capture", file], { env });
  expect({ code, stdout }).toEqual({
    code: 0,
    stdout: expect.stringMatching(/^\d+ captured, \d+ here already\.$/) as string,
  });
  const [captured, here] = stdout.match(/\d+/g)!.map(Number) as [number, number];
  expect(captured + here).toBe(160);
  expect(here).toBeGreaterThanOrEqual(before);
  expect(await lettersOf("batch")).toEqual({ letters: 160, deaths: 160, events: 320 });
});

test("an office that goes away in the middle of a batch hands it on to the next one", async () => {
  const first = await world.office();
  let done = 0;
  const all = world.dlo.letters.captureAll(
    Array.from({ length: 120 }, (_, n) => record("handed-on", n)),
    { waitFor: "60 seconds", onRecord: () => done++ },
  );
  await until(() => done >= 20);
  await first.stop();
  await using second = await stopped(world.office());
  expect(second).toBeDefined();
  expect(await all).toMatchObject({ captured: 120, here: 0, waiting: 0, refused: 0 });
  expect(await lettersOf("handed-on")).toEqual({ letters: 120, deaths: 120, events: 240 });
});

/** Stops it at the end of the block: the next test has an office of its own. */
async function stopped(opened: ReturnType<World["office"]>) {
  const office = await opened;
  return { office, [Symbol.asyncDispose]: async () => await office.stop() };
}
