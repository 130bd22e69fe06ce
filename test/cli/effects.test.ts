import { readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { CommandUnknownOpts } from "@commander-js/extra-typings";
import { ApplicationFailure } from "@temporalio/common";
import postgres from "postgres";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { z } from "zod";
import { program } from "../../cli/program.ts";
import { defineJob, type JobContext } from "../../model/index.ts";
import type { LetterRow } from "../../schema/rows.ts";
import { emptyDatabase } from "../setup/postgres.ts";
import { openWorld, until, type World } from "../setup/world.ts";
import { background } from "./background.ts";
import { configWithJob, dlo, environmentOf, folderWith, type Ran, type RunOptions } from "./dlo.ts";

// What each command does, looked up where it is to be seen: in the tables, in Temporal, in files. What it prints is not asked,
// but for the JSON of those whose only effect is what they tell.

vi.setConfig({ testTimeout: 180_000 });

const errand = defineJob({
  name: "errand",
  input: z.object({ to: z.string() }),
  activity: { retry: { maximumAttempts: 1 } },
});

const refund = defineJob({
  name: "refund",
  input: z.object({ to: z.string() }),
  activity: { retry: { maximumAttempts: 1 } },
});

let world: World;
let codeFails = false;
let roadIsOpen = false;
/** Ids of runs that succeed from now on. */
const mended = new Set<string>();

beforeAll(async () => {
  world = await openWorld();
  await world.office({ queues: { short: { retention: "7 days" } }, probes: { road: () => roadIsOpen } });
  await world.worker({
    jobs: [
      errand.handle(goes),
      refund.handle(goes, {
        onDead: () => {
          if (codeFails) throw ApplicationFailure.nonRetryable("no such payment");
          return "told";
        },
      }),
    ],
  });
});
afterAll(async () => await world?.close());

function goes({ to }: { to: string }, { workflowId }: JobContext): string {
  if (to === "bob" || mended.has(workflowId)) return `gone to ${to}`;
  throw new Error(`nobody at home: ${workflowId.split("-")[0]}`);
}

/** A test elsewhere that looks at the effect, and not at what is printed. */
type Elsewhere = { readonly file: string; readonly title: string };

const effects: Readonly<Record<string, (() => Promise<void>) | Elsewhere>> = {
  // Looking: the effect is what programs are told.
  async causes() {
    const { causeId } = await dead("causes");
    const { causes } = await world.dlo.causes.list("", { state: "all" });
    expect(causes.map(({ id }) => id)).toContain(causeId);
    expect(await told("causes", "--state", "all")).toEqual(asJson(causes));
  },
  async "causes show"() {
    const { causeId } = await dead("shown");
    expect(await told("causes", "show", causeId)).toMatchObject({ id: causeId, deaths: 1, letters: 1 });
  },
  async list() {
    const letters = [await dead("listed"), await dead("listed")].toReversed();
    expect(await told("list", `cause:${letters[0]!.causeId}`)).toEqual(asJson(letters));
  },
  async show() {
    const letter = await dead("whole");
    const { deaths, events } = await world.dlo.letters.story(letter.id);
    expect(await told("show", letter.id)).toMatchObject({ ...asJson(letter), story: asJson({ deaths, events }) });
  },
  async stats() {
    const { causeId } = await dead("counted");
    await dead("counted");
    expect(await told("stats", `cause:${causeId}`, "--by", "job")).toMatchObject({
      total: 2,
      rows: [{ value: "errand", n: 2 }],
    });
  },
  async watch() {
    const { id } = await dead("watched");
    const parked = async () => (await world.dlo.events.list({ letter: id })).events;
    await until(async () => (await parked()).length > 0);
    const { stdout } = await run("watch", "--until-now", "--letter", id, "-o", "jsonl");
    expect(stdout.split("\n").map((line) => JSON.parse(line) as unknown)).toEqual(asJson(await parked()));
  },
  async similar() {
    const [first, second] = [await dead("alike"), await dead("alike")];
    const { others } = await told("similar", first.id);
    expect(others[0]).toMatchObject({ id: second.id });
  },
  diff: {
    file: "test/cli/diff.test.ts",
    title: "what sets the dead one apart comes first, against the last runs that succeeded",
  },
  reproduce: {
    file: "test/cli/reproduce.test.ts",
    title: "with the mended handler it succeeds, with all that the run had told it, and nothing has changed",
  },
  health: {
    file: "test/cli/health.test.ts",
    title: "dlo health: exit codes by grade and --fail-on, limits by flags and by a configuration",
  },

  // What is to become of a cause.
  async "causes resolve"() {
    const { causeId } = await dead("resolved");
    await done("causes", "resolve", causeId, "--in-build", "v2", ...signed);
    expect(await causeOf(causeId)).toMatchObject({ state: "resolved", resolvedInBuild: "v2", ...statedBy });
  },
  async "causes ignore"() {
    const { causeId } = await dead("ignored");
    await done("causes", "ignore", causeId, "--deaths", "2", ...signed);
    expect(await causeOf(causeId)).toMatchObject({ state: "ignored", ignoredDeaths: 2, ...statedBy });
    for (let i = 0; i < 2; i++) await dead("ignored");
    await until(async () => (await causeOf(causeId)).state === "open");
  },
  async "causes reopen"() {
    const { causeId } = await dead("again");
    await done("causes", "ignore", causeId);
    await done("causes", "reopen", causeId, ...signed);
    expect(await causeOf(causeId)).toMatchObject({ state: "open", ...statedBy });
  },
  async "causes note"() {
    const { causeId } = await dead("remarked");
    await done("causes", "note", causeId, "seen before");
    expect(await causeOf(causeId)).toMatchObject({ note: "seen before" });
  },
  async "causes assign"() {
    const { causeId } = await dead("owned");
    await done("causes", "assign", causeId, "ann");
    expect(await causeOf(causeId)).toMatchObject({ owner: "ann" });
  },
  async "causes rename"() {
    const { causeId } = await dead("named");
    await done("causes", "rename", causeId, "The door is shut");
    expect(await causeOf(causeId)).toMatchObject({ title: "The door is shut" });
  },
  async "causes regroup"() {
    const [one, two] = [await dead("left"), await dead("right")];
    expect(one.causeId).not.toBe(two.causeId);
    const cwd = await folderWith({
      "dlo.config.mjs": `export default { fingerprint: [{ name: "doors", match: { message: /nobody at home: (left|right)/ } }] };`,
    });
    const args = ["causes", "regroup", `workflow-id:${one.workflowId},${two.workflowId}`, "--config", "dlo.config.mjs"];
    await doneWith({ cwd }, ...args);
    expect((await read(one)).causeId).toBe(one.causeId);
    await doneWith({ cwd }, ...args, "--apply");
    const joined = (await read(one)).causeId;
    expect(joined).not.toBe(one.causeId);
    expect((await read(two)).causeId).toBe(joined);
  },

  // Acting on letters.
  async retry() {
    const letter = await dead("retried");
    mended.add(letter.workflowId);
    await done("retry", letter.id, "--wait", ...signed);
    expect(await read(letter)).toMatchObject({ status: "recovered", retries: 1 });
    expect(await world.dlo.temporal.workflow.getHandle(letter.workflowId).result()).toBe("gone to ann");
    expect(await eventOf(letter, "retry_asked")).toMatchObject(signature);
  },
  async amend() {
    const letter = await dead("amended");
    await done("amend", letter.id, "--input", '{"to":"bob"}', ...signed);
    expect(await read(letter)).toMatchObject({ status: "parked", payload: { to: "bob" } });
    expect(await eventOf(letter, "amended")).toMatchObject(signature);
  },
  async extend() {
    const letter = await dead("extended");
    await done("extend", letter.id, "45 days", ...signed);
    const { expiresAt, retentionMs } = await read(letter);
    expect(retentionMs).toBe(45 * dayMs);
    expect(expiresAt!.getTime()).toBeGreaterThan(letter.expiresAt!.getTime());
    expect(await eventOf(letter, "extended")).toMatchObject(signature);
  },
  async move() {
    const letter = await dead("moved");
    await done("move", letter.id, "--to", "by-hand", ...signed);
    expect(await read(letter)).toMatchObject({ queue: "by-hand", status: "parked" });
    expect(await eventOf(letter, "moved")).toMatchObject(signature);
  },
  async "run-code"() {
    codeFails = true;
    const letter = await dead("coded", refund);
    await until(async () => (await read(letter)).failedCode !== null);
    codeFails = false;
    await done("run-code", letter.id, ...signed);
    await until(async () => (await read(letter)).failedCode === null);
    expect(await eventOf(letter, "code_ran")).toMatchObject({ data: { code: "onDead" } });
  },
  async "apply-policy"() {
    const letter = await dead("renewed");
    // By hand it is moved with the policy that it has.
    await done("move", letter.id, "--to", "short");
    expect((await read(letter)).retentionMs).toBe(30 * dayMs);
    await done("apply-policy", letter.id, ...signed);
    expect((await read(letter)).retentionMs).toBe(7 * dayMs);
    expect(await eventOf(letter, "policy_applied")).toMatchObject(signature);
  },
  async note() {
    const letter = await dead("noted");
    await done("note", letter.id, "asked the bank", ...signed);
    expect(await eventOf(letter, "noted")).toMatchObject({ ...signature, data: { text: "asked the bank" } });
  },
  async expire() {
    const letter = await dead("expired");
    await done("expire", letter.id, "--yes", ...signed);
    expect(await read(letter)).toMatchObject({ status: "expired", closeReason: "a test" });
    await closedInTemporal(letter);
  },
  async discard() {
    const letter = await dead("discarded");
    await done("discard", letter.id, "--yes", ...signed);
    expect(await read(letter)).toMatchObject({ status: "discarded", closeReason: "a test" });
    await closedInTemporal(letter);
  },
  async reopen() {
    const letter = await dead("reopened");
    await world.dlo.letters.discard(letter.id);
    await done("reopen", letter.id, ...signed);
    expect(await read(letter)).toMatchObject({ status: "parked", closedAt: null });
    const { status } = await world.dlo.temporal.workflow.getHandle(`dead-letter/${letter.workflowId}`).describe();
    expect(status.name).toBe("RUNNING");
  },

  // Acting on many.
  async redrive() {
    const letters = [await dead("driven"), await dead("driven")];
    for (const { workflowId } of letters) mended.add(workflowId);
    await done("redrive", `cause:${letters[0]!.causeId}`, "--force", "--yes", ...signed);
    for (const letter of letters) expect(await read(letter)).toMatchObject({ status: "recovered", retries: 1 });
    expect(await newestRedrive()).toMatchObject({ status: "completed", ...signature, counts: { recovered: 2 } });
  },
  async "redrive list"() {
    await world.dlo.redrives.pause((await detached("row")).id);
    const { redrives } = await world.dlo.redrives.list();
    expect(await told("redrive", "list")).toEqual(asJson(redrives));
  },
  async "redrive show"() {
    const { id } = await detached("looked");
    await world.dlo.redrives.pause(id);
    expect(await told("redrive", "show", id)).toEqual(asJson(await world.dlo.redrives.get(id)));
    const { stdout } = await run("redrive", "show", id, "--items", "-o", "jsonl");
    expect(stdout.split("\n").map((line) => JSON.parse(line) as unknown)).toEqual(
      asJson(await world.dlo.redrives.items(id)),
    );
  },
  async "redrive pause"() {
    const { id } = await detached("paused");
    await done("redrive", "pause", id, ...signed);
    expect((await world.dlo.redrives.get(id)).status).toBe("paused");
  },
  async "redrive resume"() {
    const { id, letters } = await detached("resumed");
    await world.dlo.redrives.pause(id);
    for (const { workflowId } of letters) mended.add(workflowId);
    roadIsOpen = true;
    await done("redrive", "resume", id, ...signed);
    await until(async () => (await world.dlo.redrives.get(id)).status === "completed");
    roadIsOpen = false;
  },
  async "redrive cancel"() {
    const { id } = await detached("cancelled");
    await done("redrive", "cancel", id, ...signed);
    await until(async () => (await world.dlo.redrives.get(id)).status === "cancelled");
    expect((await world.dlo.redrives.get(id)).counts.waiting).toBe(0);
  },
  async "redrive set"() {
    const { id } = await detached("set");
    await done("redrive", "set", id, "--rate", "0.3", ...signed);
    expect((await world.dlo.redrives.get(id)).limits.rate).toBe(0.3);
  },
  async prune() {
    const [gone, stays] = [await dead("pruned"), await dead("pruned")];
    await world.dlo.letters.discard(gone.id);
    await until(async () => (await world.sql`select from dlo.events where position is null`).length === 0);
    await world.sql`update dlo.dead_letters set closed_at = now() - interval '1 day', keep_until = now() where id = ${gone.id}`;
    await done("prune", `cause:${gone.causeId}`, "--yes", ...signed);
    await expect(read(gone)).rejects.toMatchObject({ code: "LETTER_NOT_FOUND" });
    expect((await read(stays)).status).toBe("parked");
    expect(await world.sql`select by, reason, letters from dlo.prunes`).toEqual([{ ...signature, letters: 1 }]);
  },

  async reconcile() {
    const { id, workflowId } = await dead("reconciled");
    const letter = world.dlo.temporal.workflow.getHandle(`dead-letter/${workflowId}`);
    await letter.terminate("by accident");
    await done("reconcile", ...signed);
    await until(async () => (await letter.describe()).status.name === "RUNNING");
    expect(await letter.query("state")).toMatchObject({ letterId: id, status: "parked" });
    // Other tests here leave things that it mends as well.
    expect(await world.sql`select by, reason, ended_at from dlo.reconciles where mended > 0`).toMatchObject([
      { ...signature, ended_at: expect.any(Date) as Date },
    ]);
  },
  async capture() {
    const record = { job: "errand", payload: { to: "ann" }, source: { system: "http", request: "7c1d" }, error: "502" };
    const cwd = await folderWith({ "failed.jsonl": `${JSON.stringify(record)}\n` });
    await doneWith({ cwd }, "capture", "failed.jsonl", "--by", signature.by);
    const letter = await world.dlo.letters.get("http:request=7c1d");
    expect(letter).toMatchObject({ kind: "record", status: "parked", payload: { to: "ann" }, errorMessage: "502" });
    const { status } = await world.dlo.temporal.workflow.getHandle(`dead-letter/${letter.workflowId}`).describe();
    expect(status.name).toBe("RUNNING");
  },
  async adopt() {
    await terminated("adopted-1");
    await done("adopt", "--query", "WorkflowId = 'adopted-1'", "--yes", ...signed);
    const letter = await world.dlo.letters.get("adopted-1");
    expect(letter).toMatchObject({ kind: "workflow", status: "parked", reason: "lost", payload: { order: 7 } });
    const { status } = await world.dlo.temporal.workflow.getHandle("dead-letter/adopted-1").describe();
    expect(status.name).toBe("RUNNING");
    expect(await world.sql`select by, reason, adopted from dlo.adoptions`).toEqual([{ ...signature, adopted: 1 }]);
  },
  async "adopt list"() {
    const query = "WorkflowId = 'watched-1'";
    await done("adopt", "--query", query, "--watch", "listed", "--every", "5 minutes", "--yes");
    expect(await told("adopt", "list")).toEqual([expect.objectContaining({ name: "listed", query })]);
    await done("adopt", "stop", "listed");
  },
  async "adopt stop"() {
    await done("adopt", "--query", "WorkflowId = 'watched-2'", "--watch", "stopped", "--yes");
    const schedule = world.dlo.temporal.schedule.getHandle("dead-letter-office/adopt/stopped");
    expect((await schedule.describe()).state.paused).toBe(false);
    await done("adopt", "stop", "stopped");
    await expect(schedule.describe()).rejects.toThrow("not found");
  },

  // Taking them elsewhere.
  async export() {
    const letter = await dead("exported");
    const cwd = await folderWith({});
    await doneWith({ cwd }, "export", `cause:${letter.causeId}`, "--file", "letters.jsonl");
    const lines = (await readFile(join(cwd, "letters.jsonl"), "utf8")).trim().split("\n");
    expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual([asJson(letter)]);
  },
  async import() {
    const letter = await dead("imported");
    const cwd = await folderWith({});
    await doneWith({ cwd }, "export", `cause:${letter.causeId}`, "--full", "--file", "letters.jsonl");
    await using elsewhere = await openWorld();
    await elsewhere.office();
    await doneWith({ cwd, env: environmentOf(elsewhere) }, "import", "letters.jsonl", ...signed);
    expect(await elsewhere.dlo.letters.get(letter.id)).toMatchObject({ status: "parked", payload: { to: "ann" } });
    expect(
      await elsewhere.dlo.temporal.workflow.getHandle(`dead-letter/${letter.workflowId}`).query("state"),
    ).toMatchObject({ letterId: letter.id, status: "parked" });
  },

  // Jobs, processes, set-up.
  async start() {
    await done("start", "errand", "--input", '{"to":"bob"}', "--id", "started-1", "--header", "tenant=acme");
    const handle = world.dlo.temporal.workflow.getHandle("started-1");
    expect(await handle.result()).toBe("gone to bob");
    expect((await handle.describe()).memo).toMatchObject({ dlo: { headers: { tenant: "acme" } } });
  },
  async office() {
    const cwd = await folderWith({ "dlo.config.mjs": 'export default { office: "another" };' });
    const office = background(["office"], { cwd, env: environmentOf(world) });
    const handle = world.dlo.temporal.workflow.getHandle("office/another");
    await until(async () => (await handle.describe()).status.name === "RUNNING");
    expect(await office.stop("SIGTERM")).toBe(0);
  },
  async worker() {
    const config = configWithJob.replace('name: "ship-order"', 'name: "ship-order", taskQueue: "harbour"');
    const cwd = await folderWith({ "dlo.config.mjs": config });
    const { DLO_DATABASE_URL: _, ...env } = environmentOf(world);
    const worker = background(["worker"], { cwd, env });
    const handle = await world.dlo.temporal.workflow.start("ship-order", {
      ...{ taskQueue: "harbour", workflowId: "ship-1", args: [{ order: 7 }] },
    });
    expect(await handle.result()).toEqual({ shipped: 7 });
    expect(await worker.stop("SIGTERM")).toBe(0);
  },
  dev: {
    file: "test/cli/dev.test.ts",
    title: "dlo dev runs everything, says what dies, stops whole, and finds its letters again",
  },
  async setup() {
    const url = await emptyDatabase();
    await doneWith({ env: { DLO_DATABASE_URL: url } }, "setup");
    const sql = postgres(url, { max: 1 });
    expect(await sql`select count(*)::int n from dlo.dead_letters`).toEqual([{ n: 0 }]);
    await sql.end();
  },
  async doctor() {
    const well = (await run("doctor", "-o", "json")).code;
    expect(well).toBe(0);
    const nowhere = { ...environmentOf(world), DLO_DATABASE_URL: "postgres://dlo@127.0.0.1:1/dlo" };
    const ill = await dlo(["doctor"], { env: nowhere });
    expect(ill.code).toBe(1);
  },
};

const leaves = leavesOf(program());

test.each(leaves)("dlo %s does what it says (promise 19)", async (name) => {
  const effect = effects[name];
  if (effect === undefined)
    throw new Error(`No test looks at the effect of dlo ${name}: add one to ${import.meta.filename}, or name it there`);
  if (typeof effect === "function") return await effect();
  expect(readFileSync(join(import.meta.dirname, "../..", effect.file), "utf8")).toContain(effect.title);
});

test("no effect is told of a command that there is not", () => {
  expect(Object.keys(effects).filter((name) => !leaves.includes(name))).toEqual([]);
});

/** Commands that do something: those that only have subcommands are none. */
function leavesOf(command: CommandUnknownOpts, path: readonly string[] = []): string[] {
  return command.commands.flatMap((sub) => {
    const own = [...path, sub.name()];
    return [own.join(" "), ...leavesOf(sub, own)];
  });
}

const dayMs = 86_400_000;
const signature = { by: "ann", reason: "a test" } as const;
const signed = ["--by", "ann", "--reason", "a test"] as const;
const statedBy = { stateBy: "ann", stateReason: "a test" } as const;
let deaths = 0;

/** A letter; those of one word are of one cause. */
async function dead(word: string, job = errand): Promise<LetterRow> {
  const run = await world.dlo.start(job, { to: "ann" }, { id: `${word}-${++deaths}` });
  await run.result().catch(() => undefined);
  // Its events have their places.
  await until(async () => (await world.sql`select from dlo.events where position is null`).length === 0);
  return await world.dlo.letters.get(run.workflowId);
}

/** A redrive that waits for the road to be open. */
async function detached(word: string): Promise<{ id: string; letters: LetterRow[] }> {
  const letters = [await dead(word), await dead(word), await dead(word)];
  await done("redrive", `cause:${letters[0]!.causeId}`, "--force", "--yes", "--detach", "--when", "road");
  return { id: (await newestRedrive())!.id, letters };
}

async function newestRedrive() {
  return (await world.dlo.redrives.list()).redrives[0];
}

/** Somebody else's workflow, ended by hand. */
async function terminated(workflowId: string): Promise<void> {
  const { workflow } = world.dlo.temporal;
  const args = [{ order: 7 }];
  await (await workflow.start("OrderWorkflow", { taskQueue: "theirs", workflowId, args })).terminate();
  const query = `WorkflowId = '${workflowId}' AND ExecutionStatus = 'Terminated'`;
  await until(async () => (await workflow.count(query)).count === 1);
}

async function read({ id }: LetterRow): Promise<LetterRow> {
  return await world.dlo.letters.get(id);
}

async function causeOf(id: string) {
  return await world.dlo.causes.get(id);
}

async function eventOf({ id }: LetterRow, type: string): Promise<unknown> {
  return (await world.dlo.letters.story(id)).events.findLast((event) => event.type === type);
}

async function closedInTemporal({ workflowId }: LetterRow): Promise<void> {
  const handle = world.dlo.temporal.workflow.getHandle(`dead-letter/${workflowId}`);
  await until(async () => (await handle.describe()).status.name === "COMPLETED");
}

async function run(...args: readonly string[]): Promise<Ran> {
  return await dlo(args, { env: environmentOf(world) });
}

/** Runs it, and asks of its words only that it has not failed. */
async function done(...args: readonly string[]): Promise<void> {
  await doneWith({}, ...args);
}

async function doneWith({ cwd, env }: Pick<RunOptions, "cwd" | "env">, ...args: readonly string[]): Promise<void> {
  const where = { ...(cwd === undefined ? {} : { cwd }), env: { ...environmentOf(world), ...env } };
  const { code, stderr } = await dlo(args, where);
  expect({ code, stderr: code === 0 ? "" : stderr }).toEqual({ code: 0, stderr: "" });
}

async function told(...args: readonly string[]): Promise<any> {
  return JSON.parse((await run(...args, "-o", "json")).stdout);
}

/** As it is once it has been printed and read. */
function asJson<T>(value: T): T {
  return JSON.parse(JSON.stringify(value)) as T;
}
