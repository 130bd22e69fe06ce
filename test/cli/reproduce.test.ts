import { readFile } from "node:fs/promises";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { WebSocket } from "undici";
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from "vitest";
import { exportLetters } from "../../client/export-letters.ts";
import type { LetterRow } from "../../client/index.ts";
import { makeRoles } from "../../setup/roles.ts";
import { SealedCodec } from "../office/sealed.ts";
import { openWorld, until, type World } from "../setup/world.ts";
import { type Background, background } from "./background.ts";
import { dlo, environmentOf, folderWith, type RunOptions } from "./dlo.ts";
import { ships } from "./shipping.ts";

// Each command is a process of its own.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

const shippingFile = fileURLToPath(new URL("./shipping.ts", import.meta.url));
const sealedFile = fileURLToPath(new URL("../office/sealed.ts", import.meta.url));
const headers = { traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "x-tenant": "acme" };
const config = `
import { defineConfig } from "dead-letter-office";
import { ships } from ${JSON.stringify(shippingFile)};
export default defineConfig({ jobs: [ships] });
`;

let world: World;
beforeAll(async () => {
  world = await openWorld();
  await world.office();
  await world.worker({ jobs: [ships] });
});
afterAll(async () => await world?.close());

describe("what comes of it", () => {
  test("the same error again is of the same cause, and exit code 1", async () => {
    const letter = await dead(1);
    const { code, stdout, stderr } = await reproduce([letter.id]);
    expect(code).toBe(1);
    expect(stdout).toContain("of the same cause as the letter");
    expect(stdout).toContain("RangeError: there is no order 1");
    expect(stdout).toContain("shipping.ts:");
    expect(stderr).toContain(`Running ship-order of dlo.config.ts as attempt 2 of ${letter.workflowId}`);
    expect(stderr).toContain("what the handler does to the world, it does");
    // What the handler says is no data.
    expect(stdout).not.toContain("shipping 1");
    expect(stderr).toContain("shipping 1");
    const json = await reproduce([letter.id, "--output", "json"]);
    expect(JSON.parse(json.stdout)).toMatchObject({
      letter: letter.id,
      outcome: "failed",
      sameCause: true,
      failure: { causeId: letter.causeId, category: letter.category, retryable: true, reason: "exhausted" },
    });
  });

  test("another error is said to be another", async () => {
    const letter = await dead(2);
    const { code, stdout } = await reproduce([letter.workflowId], { SHIPPING: "storm" });
    expect(code).toBe(1);
    expect(stdout).toContain("of another cause than the letter");
    expect(stdout).toContain("TypeError: the mast is broken");
    expect(stdout).toContain("The letter died of RangeError: there is no order 2");
  });

  test("with the mended handler it succeeds, with all that the run had told it, and nothing has changed", async () => {
    await using own = await openWorld();
    const office = await own.office();
    await own.worker({ jobs: [ships] });
    const first = await dead(3, own);
    const letter = await own.dlo.letters.retry(first.id, { waitFor: "30 seconds" });
    expect(letter).toMatchObject({ status: "parked", deaths: 2 });
    // So that nothing changes by itself.
    await office.stop();
    // Both runs, the letter, and the office's own.
    await until(async () => (await everything(own)).workflows.length === 4);
    const before = await everything(own);
    const env = { ...environmentOf(own), SHIPPING: "mended" };
    const { code, stdout, stderr } = await reproduce([letter.id, "-o", "json"], env);
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      outcome: "succeeded",
      attempt: 2,
      sameCause: false,
      heartbeats: [{ at: "quay" }],
      progress: [{ current: 1, total: 2, phase: "loading" }],
      result: {
        shipped: 3,
        told: {
          job: "ship-order",
          workflowId: letter.workflowId,
          attempt: 2,
          deaths: 1,
          retry: 1,
          headers,
          idempotencyKey: "the third",
        },
      },
    });
    expect(stderr).toContain('heartbeat: {"at":"quay"}');
    expect(stderr).toContain("progress: 1 of 2 (loading)");
    expect(stderr).toContain("INFO casting off");
    const spoken = await reproduce([letter.id], env);
    expect(spoken.stdout).toMatch(/^It succeeded here, in .*"shipped":3/);
    expect(spoken.stdout).toContain("The letter is parked as before");
    expect(await everything(own)).toEqual(before);
  });

  test("Ctrl-C cancels the attempt", async () => {
    const letter = await dead(4);
    const running = await begin([letter.id], { SHIPPING: "becalmed" });
    await running.says("shipping 4");
    expect(await running.stop("SIGINT")).toBe(1);
    expect(running.said()).toContain("It was cancelled");
  });
});

describe("which input", () => {
  test("another one, and one that does not fit the schema", async () => {
    const letter = await dead(5);
    const other = await reproduce([letter.id, "--input", '{"order":55}', "-o", "json"], { SHIPPING: "mended" });
    expect(JSON.parse(other.stdout)).toMatchObject({ result: { shipped: 55 } });
    const wrong = await reproduce([letter.id, "--input", '{"order":"five"}', "-o", "json"], { SHIPPING: "mended" });
    expect(wrong.code).toBe(1);
    expect(JSON.parse(wrong.stdout)).toMatchObject({ failure: { category: "data", error: { type: "InvalidInput" } } });
  });

  test("the amended one, or the one before", async () => {
    const letter = await dead(6);
    await world.dlo.letters.amend(letter.id, { input: { order: 66 } });
    const amended = await reproduce([letter.id, "-o", "json"], { SHIPPING: "mended" });
    expect(JSON.parse(amended.stdout)).toMatchObject({ result: { shipped: 66 } });
    const first = await reproduce([letter.id, "--original", "-o", "json"], { SHIPPING: "mended" });
    expect(JSON.parse(first.stdout)).toMatchObject({ result: { shipped: 6 } });
    expect((await reproduce([letter.id, "--original", "--input", "{}"])).code).toBe(2);
  });

  test("an encrypted one with the config's codec, and without it that is the error", async () => {
    const key = "11".repeat(32);
    const codec = new SealedCodec(Buffer.from(key, "hex"));
    await using sealed = await openWorld();
    await sealed.office({ codec });
    await sealed.worker({ codec, jobs: [ships] });
    const client = await sealed.connect({ codec });
    const run = await client.start(ships.job, { order: 7 }, { headers });
    await expect(run.result()).rejects.toMatchObject({ code: "JOB_DIED" });
    const withKey = config.replace(
      "defineConfig({",
      `defineConfig({ codec: new SealedCodec(Buffer.from("${key}", "hex")),`,
    );
    const cwd = await folderWith({
      "keyed.config.ts": `import { SealedCodec } from ${JSON.stringify(sealedFile)};\n${withKey}`,
      "dlo.config.ts": config,
    });
    const env = { ...environmentOf(sealed), SHIPPING: "mended" };
    const keyed = await dlo(["reproduce", run.workflowId, "--config", "keyed.config.ts", "-o", "json"], { cwd, env });
    expect(JSON.parse(keyed.stdout)).toMatchObject({ result: { shipped: 7, told: { headers } } });
    const keyless = await dlo(["reproduce", run.workflowId], { cwd, env });
    expect(keyless).toMatchObject({ code: 2, stdout: "" });
    expect(keyless.stderr).toContain("name their codec in dlo.config");
  });

  test("where none is stored, it has to be given", async () => {
    await using bare = await openWorld();
    await bare.office({ queues: { default: { payload: "omit" } } });
    await bare.worker({ jobs: [ships] });
    const run = await bare.dlo.start(ships.job, { order: 8 }, { headers });
    await expect(run.result()).rejects.toMatchObject({ code: "JOB_DIED" });
    const cwd = await folderWith({ "dlo.config.ts": config });
    const env = { ...environmentOf(bare), SHIPPING: "mended" };
    const without = await dlo(["reproduce", run.workflowId], { cwd, env });
    expect(without.code).toBe(2);
    expect(without.stderr).toContain("so give one: --input");
    const given = await dlo(["reproduce", run.workflowId, "--input", '{"order":8}', "-o", "json"], { cwd, env });
    expect(JSON.parse(given.stdout)).toMatchObject({ result: { shipped: 8, told: { headers } } });
  });
});

describe("who operates, and may not see the memo", () => {
  test("runs it with the headers that show, and looks at its input and amends it", async () => {
    await makeRoles(world.databaseUrl);
    const name = `operates_${Date.now()}`;
    await world.sql.unsafe(`create role ${name} login password 'operates' in role dlo_operator`);
    const address = new URL(world.databaseUrl);
    [address.username, address.password] = [name, "operates"];
    const env = { DLO_DATABASE_URL: address.href };
    const letter = await dead(3);
    try {
      await expect(
        world.sql.begin(async (sql) => {
          await sql.unsafe(`set local role ${name}`);
          await sql`select memo_data from dlo.dead_letters`;
        }),
      ).rejects.toMatchObject({ code: "42501" });
      const run = await reproduce([letter.id, "-o", "json"], { ...env, SHIPPING: "mended" });
      expect(run.stderr).toContain("key: order 3");
      expect(JSON.parse(run.stdout)).toMatchObject({
        result: { shipped: 3, told: { headers, idempotencyKey: "the third" } },
      });
      const as = { env: { ...environmentOf(world), ...env } };
      const folder = await folderWith({ editor: `#!/bin/sh\nsed -i 's/3/33/' "$1"\n` });
      const edited = await dlo(["amend", letter.id, "--edit"], { env: { ...as.env, EDITOR: `${folder}/editor` } });
      expect(edited).toMatchObject({ code: 0 });
      const shown = await dlo(["show", letter.id, "-o", "json"], as);
      expect(JSON.parse(shown.stdout)).toMatchObject({ payload: { order: 33 }, originalPayload: { order: 3 } });
      const first = await reproduce([letter.id, "--original", "-o", "json"], { ...env, SHIPPING: "mended" });
      expect(JSON.parse(first.stdout)).toMatchObject({ result: { shipped: 3 } });
      const full = await dlo(["export", "--full", "--workflow-id", letter.workflowId], as);
      const line = JSON.parse(full.stdout) as Record<string, unknown>;
      expect(line).toMatchObject({ payloadData: expect.any(String), originalPayloadData: expect.any(String) });
      expect(line).not.toHaveProperty("memoData");
    } finally {
      await world.sql.unsafe(`drop role ${name}`);
    }
  });
});

describe("a letter that was exported", () => {
  test("runs elsewhere, without its database and its Temporal", async () => {
    const letter = await dead(12);
    const exported = await text(exportLetters(world.databaseUrl, { workflowId: letter.workflowId }, { full: true }));
    const cwd = await folderWith({ "dlo.config.ts": config, "letter.jsonl": exported });
    const env = { SHIPPING: "mended" };
    const args = ["reproduce", "--from", "letter.jsonl", "-o", "json"];
    const there = { outcome: "succeeded", attempt: 2, result: { shipped: 12, told: { headers } } };
    const { code, stdout } = await dlo(args, { cwd, env });
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ letter: letter.id, ...there });
    const piped = await dlo(["reproduce", "--from", "-", "-o", "json"], { cwd, env, input: exported });
    expect(JSON.parse(piped.stdout)).toMatchObject(there);
    const broken = await dlo(args, { cwd });
    expect(JSON.parse(broken.stdout)).toMatchObject({ outcome: "failed", sameCause: true });
    const amended = await dlo([...args, "--input", '{"order":13}'], { cwd, env });
    expect(JSON.parse(amended.stdout)).toMatchObject({ result: { shipped: 13 } });
  });

  test("one without its encoded input, several, and what is no letter are refused", async () => {
    const letter = await dead(14);
    const filter = { workflowId: letter.workflowId };
    const short = await text(exportLetters(world.databaseUrl, filter, {}));
    const cwd = await folderWith({
      "dlo.config.ts": config,
      "short.jsonl": short,
      "two.jsonl": short + short,
      "none.json": '{"id":"x"}',
      "text.json": "id,job",
    });
    const from = async (file: string) => await dlo(["reproduce", "--from", file], { cwd });
    for (const [file, said] of Object.entries({
      "short.jsonl": "has no recorded input",
      "two.jsonl": "has 2 letters",
      "none.json": 'it has no "job"',
      "text.json": "is no JSON",
      "missing.json": "cannot be read",
    })) {
      const { code, stdout, stderr } = await from(file);
      expect({ file, code, stdout }).toEqual({ file, code: 2, stdout: "" });
      expect(stderr).toContain(said);
    }
  });
});

describe("what cannot be run", () => {
  test("a job that the config does not have is said, with those it has", async () => {
    const letter = await dead(9);
    const cwd = await folderWith({ "dlo.config.ts": config.replace("[ships]", "[]") });
    const unknown = await dlo(["reproduce", letter.id], { cwd, env: environmentOf(world) });
    expect(unknown.code).toBe(2);
    expect(unknown.stderr).toContain('There is no job "ship-order"');
    const none = await dlo(["reproduce", letter.id], { env: environmentOf(world) });
    expect(none.stderr).toContain("the job's handler is found there");
  });

  test("no letter, two of them, and a port that is none", async () => {
    expect(await reproduce([])).toMatchObject({ code: 2 });
    expect(await reproduce(["0197a3b2", "--from", "letter.json"])).toMatchObject({ code: 2 });
    const swallowed = await reproduce(["--inspect-brk", "0197a3b2"]);
    expect(swallowed.code).toBe(2);
    expect(swallowed.stderr).toContain("--inspect-brk=9230");
  });
});

describe("with a debugger", () => {
  test("it waits until one is attached and says go on", async () => {
    const letter = await dead(10);
    const running = await begin([letter.id, "--inspect-brk=0"]);
    const inspector = await attach(running);
    expect(running.said()).not.toContain("shipping 10");
    await inspector.send("Runtime.runIfWaitingForDebugger");
    await running.says("of the same cause as the letter");
    inspector.close();
    expect(await running.stop("SIGCONT")).toBe(1);
  });

  test("it stops just before the handler, and at breakpoints in the handler's own file", async () => {
    const letter = await dead(11);
    const running = await begin([letter.id, "--inspect-brk=0"], { SHIPPING: "mended" });
    const inspector = await attach(running);
    await inspector.send("Debugger.enable");
    // Of the TypeScript source: the line of `console.log`.
    const { locations } = await inspector.send<{ locations: unknown[] }>("Debugger.setBreakpointByUrl", {
      urlRegex: ".*/test/cli/shipping\\.ts",
      lineNumber: await lineOf("console.log("),
    });
    expect(locations).toHaveLength(1);
    const before = inspector.event("Debugger.paused");
    await inspector.send("Runtime.runIfWaitingForDebugger");
    expect(await inspector.placeOf(before)).toMatch(/reproduce-attempt\.[jt]s$/);
    const at = inspector.event("Debugger.paused");
    await inspector.send("Debugger.resume");
    expect(await inspector.placeOf(at)).toMatch(/test\/cli\/shipping\.ts$/);
    const { callFrames } = (await at) as { callFrames: { callFrameId: string }[] };
    const order = await inspector.send<{ result: { value: unknown } }>("Debugger.evaluateOnCallFrame", {
      callFrameId: callFrames[0]!.callFrameId,
      expression: "order",
    });
    expect(order.result.value).toBe(11);
    expect(running.said()).not.toContain("shipping 11");
    await inspector.send("Debugger.resume");
    await running.says("It succeeded here");
    inspector.close();
    expect(await running.stop("SIGCONT")).toBe(0);
  });
});

async function dead(order: number, { dlo: client }: World = world): Promise<LetterRow> {
  const run = await client.start(
    ships.job,
    { order },
    { headers, ...(order === 3 ? { idempotencyKey: "the third" } : {}) },
  );
  await expect(run.result()).rejects.toMatchObject({ code: "JOB_DIED" });
  await until(async () => (await client.letters.get(run.workflowId)).status === "parked");
  return await client.letters.get(run.workflowId);
}

async function reproduce(args: readonly string[], env: RunOptions["env"] = {}) {
  const cwd = await folderWith({ "dlo.config.ts": config });
  return await dlo(["reproduce", ...args], { cwd, env: { ...environmentOf(world), SHIPPING: "fair", ...env } });
}

async function begin(args: readonly string[], env: RunOptions["env"] = {}): Promise<Background> {
  const cwd = await folderWith({ "dlo.config.ts": config });
  return background(["reproduce", ...args], { cwd, env: { ...environmentOf(world), SHIPPING: "fair", ...env } });
}

/** Every row of every table, and every workflow that Temporal knows with the length of its history. */
async function everything({ sql, dlo: { temporal } }: World) {
  const rows: Record<string, string[]> = {};
  const tables = await sql`
    select table_name as name from information_schema.tables where table_schema = 'dlo' and table_type = 'BASE TABLE'`;
  for (const { name } of tables)
    rows[name] = (await sql`select t::text as row from dlo.${sql(name)} as t order by 1`).map(({ row }) => row);
  const workflows: string[] = [];
  for await (const { workflowId, runId } of temporal.workflow.list()) {
    const { historyLength, status } = await temporal.workflow.getHandle(workflowId, runId).describe();
    workflows.push(`${workflowId} ${runId} ${status.name} ${historyLength}`);
  }
  return { rows, workflows: workflows.toSorted() };
}

async function lineOf(text: string): Promise<number> {
  return (await readFile(shippingFile, "utf8")).split("\n").findIndex((line) => line.includes(text));
}

/** A debugger, as an editor is one. */
async function attach(running: Background) {
  await running.says("Waiting for a debugger on ");
  const host = /Waiting for a debugger on (\S+)\. /.exec(running.said())![1]!;
  const [target] = (await (await fetch(`http://${host}/json`)).json()) as [{ webSocketDebuggerUrl: string }];
  const socket = new WebSocket(target.webSocketDebuggerUrl);
  onTestFinished(() => socket.close());
  await new Promise((resolve, reject) => {
    socket.addEventListener("open", resolve, { once: true });
    socket.addEventListener("error", reject, { once: true });
  });
  const scripts = new Map<string, string>();
  socket.addEventListener("message", ({ data }) => {
    const { method, params } = JSON.parse(String(data)) as Message;
    if (method !== "Debugger.scriptParsed") return;
    const { scriptId, url } = params as { scriptId: string; url: string };
    scripts.set(scriptId, url);
  });
  let last = 0;
  type Message = { id?: number; method?: string; params?: unknown; result?: unknown; error?: { message: string } };
  const next = async (wanted: (message: Message) => boolean): Promise<Message> =>
    await new Promise((resolve) => {
      const hear = ({ data }: { data: unknown }) => {
        const message = JSON.parse(String(data)) as Message;
        if (!wanted(message)) return;
        socket.removeEventListener("message", hear);
        resolve(message);
      };
      socket.addEventListener("message", hear);
    });
  return {
    async send<Result>(method: string, params: object = {}): Promise<Result> {
      const id = ++last;
      const answer = next((message) => message.id === id);
      socket.send(JSON.stringify({ id, method, params }));
      const { result, error } = await answer;
      if (error !== undefined) throw new Error(`${method}: ${error.message}`);
      return result as Result;
    },
    async placeOf(paused: Promise<unknown>): Promise<string> {
      const { callFrames } = (await paused) as { callFrames: { location: { scriptId: string } }[] };
      return scripts.get(callFrames[0]!.location.scriptId) ?? "";
    },
    event: async (method: string): Promise<unknown> => (await next((message) => message.method === method)).params,
    close: () => socket.close(),
  };
}
