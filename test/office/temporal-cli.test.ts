import { execFile } from "node:child_process";
import { dirname } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { letterWorkflowId } from "../../model/ids.ts";
import type { LetterState } from "../../model/letter-state.ts";
import { resolveTemporal } from "../../stack/temporal-binary.ts";
import { openWorld, until, type World } from "../setup/world.ts";
import { courier, handledCourier } from "./courier.ts";
import { type CommandResult, temporalCommand } from "./temporal-command.ts";

// With Temporal's own command alone: no client of ours.

let world: World;
beforeAll(async () => {
  world = await openWorld();
  await world.office();
  await world.worker({ jobs: [handledCourier] });
});
afterAll(async () => await world?.close());

test("a job that the command starts is supervised, and its letter is retried by a signal with a new input", async () => {
  const start = ["--type", "courier", "--task-queue", "jobs", "--workflow-id", "cli-1", "--input", '{"to":"nobody"}'];
  expect(await temporalCommand(world, "workflow", "start", ...start)).toMatchObject({ code: 0 });
  await until(async () => (await world.dlo.letters.get("cli-1")).status === "parked");
  expect((await signal("cli-1", "retry", { input: { to: "ann" }, by: "bob", reason: "moved" })).code).toBe(0);
  await until(async () => (await world.dlo.letters.get("cli-1")).status === "recovered");
  const { events } = await world.dlo.letters.story((await world.dlo.letters.get("cli-1")).id);
  expect(events.map(({ type, by }) => [type, by])).toEqual([
    ["parked", null],
    ["retry_asked", "bob"],
    ["retrying", "bob"],
    ["recovered", null],
  ]);
});

test("commands go as updates, too, and answer with the letter's state", async () => {
  const { id } = await dead("cli-2");
  const amended = await update("cli-2", "amend", { input: { to: "ann" }, by: "bob" });
  expect(amended).toMatchObject({ code: 0 });
  expect(resultOf(amended)).toMatchObject({ status: "parked", letterId: id });
  expect((await world.dlo.letters.get(id)).payload).toEqual({ to: "ann" });
  expect(resultOf(await update("cli-2", "extend", { retention: "60 days" }))).toMatchObject({
    retentionMs: 60 * 86_400_000,
  });
  expect(resultOf(await update("cli-2", "note", { text: "seen" }))).toMatchObject({ status: "parked" });
  expect(resultOf(await update("cli-2", "retry", { by: "bob" }))).toMatchObject({ retries: 1 });
  await until(async () => (await world.dlo.letters.get(id)).status === "recovered");
});

test("a letter is expired by a signal without any input, and discarded by an update", async () => {
  await dead("cli-3");
  expect(
    await temporalCommand(world, "workflow", "signal", "--workflow-id", letterWorkflowId("cli-3"), "--name", "expire"),
  ).toMatchObject({ code: 0 });
  await until(async () => (await world.dlo.letters.get("cli-3")).status === "expired");
  await dead("cli-4");
  expect(resultOf(await update("cli-4", "discard", { by: "bob", reason: "a test" }))).toMatchObject({
    status: "discarded",
  });
  expect(await world.dlo.letters.get("cli-4")).toMatchObject({ status: "discarded", closeReason: "a test" });
  await dead("cli-5");
  expect(resultOf(await update("cli-5", "expire", {}))).toMatchObject({ status: "expired" });
  await dead("cli-6");
  await signal("cli-6", "amend", { input: { to: "ann" } });
  await until(async () =>
    (await world.dlo.letters.story((await world.dlo.letters.get("cli-6")).id)).events.some(
      ({ type }) => type === "amended",
    ),
  );
  expect((await world.dlo.letters.get("cli-6")).payload).toEqual({ to: "ann" });
});

test.for([
  ["an unknown field", "retry", { inputs: {} }, "input"],
  ["an input that does not fit the job's schema", "amend", { input: { to: 7 } }, "INPUT_INVALID"],
  ["a missing input", "amend", {}, "USAGE"],
  ["a duration that means nothing", "extend", { retention: "soon" }, "USAGE"],
  ["an empty note", "note", { text: " " }, "USAGE"],
  ["text in place of an object", "discard", "please", "USAGE"],
] as const)("an update with %s is refused with exit code 1 and the reason", async ([what, name, input, said]) => {
  const id = `refused-${what.replaceAll(" ", "-")}`;
  const letter = await dead(id);
  const refused = await update(id, name, input);
  expect(refused.code).toBe(1);
  expect(refused.stderr + refused.stdout).toContain(said);
  expect(await stateOf(id)).toMatchObject({ status: "parked", letterId: letter.id, retries: 0 });
});

test("a signal that is refused leaves its reason in the letter's story", async () => {
  const { id } = await dead("cli-refused");
  expect((await signal("cli-refused", "amend", { input: { to: 7 }, by: "bob" })).code).toBe(0);
  await until(async () => (await world.dlo.letters.story(id)).events.length === 2);
  const { events } = await world.dlo.letters.story(id);
  expect(events[1]).toMatchObject({
    type: "refused",
    by: "bob",
    data: { command: "amend", why: expect.stringContaining("to") },
  });
});

test("a closed letter answers with exit code 1, and its state can still be asked", async () => {
  await dead("cli-closed");
  await update("cli-closed", "discard", {});
  for (const ended of [await update("cli-closed", "retry", {}), await signal("cli-closed", "retry", {})]) {
    expect(ended.code).toBe(1);
    expect(ended.stderr).toContain("already completed");
  }
  expect(await stateOf("cli-closed")).toMatchObject({ status: "discarded" });
});

test("metadata and description make a letter readable", async () => {
  const { id } = await dead("cli-shown");
  const workflowId = ["--workflow-id", letterWorkflowId("cli-shown")];
  const metadata = await temporalCommand(world, "workflow", "metadata", ...workflowId);
  expect(metadata.code).toBe(0);
  for (const text of [
    "retry",
    "expire",
    "discard",
    "amend",
    "extend",
    "note",
    "state",
    "nobody at home",
    `dlo retry ${id}`,
  ])
    expect(metadata.stdout).toContain(text);
  const described = await temporalCommand(world, "workflow", "describe", ...workflowId);
  for (const text of ["deadLetter", "courier", "nobody at home", "DloStatus", "parked"])
    expect(described.stdout).toContain(text);
});

test("the commands that a letter's details show can be run as they stand", async () => {
  const { id } = await dead("cli-shown-2");
  const metadata = await temporalCommand(
    world,
    "workflow",
    "metadata",
    "--workflow-id",
    letterWorkflowId("cli-shown-2"),
    "-o",
    "json",
  );
  const { queryResult } = JSON.parse(metadata.stdout) as { queryResult: [{ currentDetails: string }] };
  const shown = queryResult[0].currentDetails
    .split("\n")
    .find((line) => line.startsWith("temporal") && line.includes("discard"));
  const { path } = await resolveTemporal({ progress: () => undefined });
  const env = {
    PATH: `${dirname(path)}:${process.env["PATH"]}`,
    TEMPORAL_ADDRESS: world.address,
    TEMPORAL_NAMESPACE: world.namespace,
  };
  await promisify(execFile)("sh", ["-c", shown!], { env });
  await until(async () => (await world.dlo.letters.get(id)).status === "discarded");
});

async function dead(id: string) {
  const run = await world.dlo.start(courier, { to: "nobody" }, { id });
  await expect(run.result()).rejects.toMatchObject({ code: "JOB_DIED" });
  return await world.dlo.letters.get(id);
}

async function signal(id: string, name: string, input: unknown): Promise<CommandResult> {
  const what = ["--workflow-id", letterWorkflowId(id), "--name", name, "--input", JSON.stringify(input)];
  return await temporalCommand(world, "workflow", "signal", ...what);
}

async function update(id: string, name: string, input: unknown): Promise<CommandResult> {
  const what = ["--workflow-id", letterWorkflowId(id), "--name", name, "--input", JSON.stringify(input), "-o", "json"];
  return await temporalCommand(world, "workflow", "update", "execute", ...what);
}

async function stateOf(id: string): Promise<LetterState> {
  const asked = await temporalCommand(
    world,
    "workflow",
    "query",
    "--workflow-id",
    letterWorkflowId(id),
    "--type",
    "state",
    "-o",
    "json",
  );
  expect(asked.code).toBe(0);
  return (JSON.parse(asked.stdout) as { queryResult: [LetterState] }).queryResult[0];
}

function resultOf({ stdout }: CommandResult): LetterState {
  return (JSON.parse(stdout) as { result: LetterState }).result;
}
