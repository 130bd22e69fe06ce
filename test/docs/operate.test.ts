import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { z } from "zod";
import { letterWorkflowId } from "../../model/ids.ts";
import { defineJob } from "../../model/index.ts";
import { resolveTemporal } from "../../stack/temporal-binary.ts";
import type { RunningWorker } from "../../worker/index.ts";
import { bareEnvironment, command, environmentOf } from "../cli/dlo.ts";
import { gate } from "../setup/post-office.ts";
import { openWorld, until, type World } from "../setup/world.ts";
import { type Block, blocksOf } from "./read-docs.ts";

// The commands and queries of docs/operate.md, each in the trouble that it is for.

vi.setConfig({ testTimeout: 120_000 });

const charge = defineJob({
  name: "charge-card",
  input: z.object({}),
  activity: { retry: { maximumAttempts: 1 } },
});

let blocks: readonly Block[];
let world: World;
let office: RunningWorker;
let folder: string;
let path: string;
/** What a run does, until a test says otherwise. */
let behaviour: () => unknown;
const ran = new Set<string>();

beforeAll(async () => {
  blocks = (await blocksOf("docs/operate.md")).filter(({ marks }) => marks["run"] !== undefined);
  folder = await mkdtemp(join(tmpdir(), "dlo-operate-"));
  await writeFile(join(folder, "dlo"), `#!/bin/sh\nexec '${process.execPath}' '${command}' "$@"\n`);
  await chmod(join(folder, "dlo"), 0o755);
  path = `${folder}:${dirname((await resolveTemporal({ progress: () => undefined })).path)}:${process.env["PATH"]}`;
  world = await openWorld();
  office = await world.office();
  await world.worker({ jobs: [charge.handle(() => behaviour())] });
  behaviour = gatewayDown;
  for (const id of ["charge/4711", "charge/4713", "charge/4714"]) await die(id);
});

afterAll(async () => {
  await world?.close();
  await rm(folder, { recursive: true, force: true });
});

test("jobs died: what, of what cause, its story; one is retried, then the rest", async () => {
  expect(await shell("doctor")).toContain("it is tied to this database");
  expect(await shell("what-died")).toContain("the gateway is down");
  expect(await query("by-cause")).toMatchObject([{ job: "charge-card", category: "unknown", letters: "3" }]);
  expect(await query("watch")).toMatchObject([{ job: "charge-card", open: "3" }]);
  expect(await shell("show")).toContain("the gateway is down");
  behaviour = () => "charged";
  expect(await shell("retry-one")).toContain("Recovered");
  expect(await shell("retry-rest")).toContain("2 retried");
  await until(async () => (await query("watch")).length === 0);
});

test("a letter stays in retrying: its run is shown, and its cancellation parks it again", async () => {
  const id = await anew();
  const hanging = gate<string>();
  behaviour = async () => await hanging.opened;
  await world.dlo.letters.retry(id);
  await until(async () => (await shell("describe-run")).includes("Pending Activities: 1"));
  await shell("cancel");
  await until(async () => (await world.dlo.letters.get(id)).status === "parked");
  expect(await world.dlo.letters.get(id)).toMatchObject({ deaths: 1, retries: 1 });
  hanging.open("too late");
});

test("a letter whose workflow was terminated is brought back, with its time, and takes commands again", async () => {
  const { id, expiresAt } = await world.dlo.letters.get("charge/4711");
  await world.dlo.temporal.workflow.getHandle(letterWorkflowId("charge/4711")).terminate("a mistake");
  await expect(world.dlo.letters.note(id, { text: "?" })).rejects.toMatchObject({ code: "LETTER_CLOSED" });
  await shell("revive");
  const back = await world.dlo.letters.note(id, { text: "back" });
  expect(back.status).toBe("parked");
  // Its last step was to park, and is done over: the retention begins anew.
  expect(back.expiresAt!.getTime()).toBeGreaterThanOrEqual(expiresAt!.getTime());
});

test("letters that are about to expire are found, and held", async () => {
  expect(await query("expiring")).toMatchObject([{ job: "charge-card" }]);
  expect(await shell("hold")).toContain("is held until somebody acts");
  const { expiresAt, retentionMs } = await world.dlo.letters.get("charge/4711");
  expect(retentionMs).toBe(60 * 86_400_000);
  expect(expiresAt).not.toBeNull();
  const { events } = await world.dlo.letters.story((await world.dlo.letters.get("charge/4711")).id);
  expect(events.filter(({ type }) => type === "extended").map(({ data }) => data)).toEqual([
    { retention: "indefinite" },
    { retention: "60 days" },
  ]);
});

test("a job that hangs in its compensation shows the activity that waits for an office", async () => {
  await office.stop();
  behaviour = gatewayDown;
  await world.dlo.start(charge, {}, { id: "charge/4712" });
  await until(async () => (await shell("compensation")).includes("parkDeadLetter"));
});

test("every marked block was run", () => {
  expect(blocks.map(({ marks }) => marks["run"]).filter((name) => !ran.has(name!))).toEqual([]);
});

function gatewayDown(): never {
  throw new Error("the gateway is down");
}

async function die(id: string): Promise<void> {
  await expect((await world.dlo.start(charge, {}, { id })).result()).rejects.toMatchObject({ code: "JOB_DIED" });
}

/** The page's job, dead again: its id has succeeded before, and an app may start it all the same. */
async function anew(): Promise<string> {
  behaviour = gatewayDown;
  const { workflowId } = await world.dlo.temporal.workflow.start(charge.name, {
    workflowId: "charge/4711",
    taskQueue: "jobs",
    args: [{}],
  });
  await until(async () => (await world.dlo.letters.get(workflowId)).status === "parked");
  return (await world.dlo.letters.get(workflowId)).id;
}

function textOf(language: string, name: string): string {
  const found = blocks.find((one) => one.language === language && one.marks["run"] === name);
  if (found === undefined) throw new Error(`docs/operate.md has no block "${language} run=${name}"`);
  ran.add(name);
  return found.text;
}

async function shell(name: string): Promise<string> {
  const env = { ...bareEnvironment(), ...environmentOf(world), PATH: path };
  const ended = await execa("sh", ["-euc", textOf("sh", name)], {
    cwd: folder,
    env,
    extendEnv: false,
    all: true,
    reject: false,
  });
  if (ended.exitCode !== 0) throw new Error(`The block ${name} ended with ${ended.exitCode}:\n${ended.all}`);
  return ended.all;
}

async function query(name: string) {
  return await world.sql.unsafe(textOf("sql", name));
}
