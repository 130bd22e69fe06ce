import { execFileSync, spawn } from "node:child_process";
import { readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { findProcesses } from "../../stack/find-processes.ts";
import { isRunning } from "../../stack/process-mark.ts";
import type { StackInfo } from "../../stack/stack-info.ts";
import { readStackInfo } from "../../stack/stack-info.ts";
import { startStack } from "../../stack/stack.ts";
import type { RunningStack } from "../../stack/stack.ts";
import { findTraces, leaveTraces } from "./ask.ts";
import { ownStack } from "./stack-process.ts";
import type { Owner } from "./stack-process.ts";
import { temporaryFolder } from "./temporary-folder.ts";

test("after the owner was killed, the next start stops what it left and finds all data", async () => {
  const folder = await temporaryFolder();
  const { owner, info } = await runningOwner(folder);
  await leaveTraces(info, "committed");
  await kill(owner);
  expect(isRunning(info.temporal.pid) && isRunning(info.postgres.pid), "servers outlive a killed owner").toBe(true);
  expect(readStackInfo(folder), "a dead owner's stack does not count as running").toBeUndefined();

  const lines: string[] = [];
  const stack = await start(folder, lines);
  expect([info.temporal.pid, info.postgres.pid].filter((pid) => isRunning(pid))).toEqual([]);
  expect(lines).toContain(
    `Stopping Temporal (process ${info.temporal.pid}), which an earlier run that was killed has left.`,
  );
  expect(lines).toContain(
    `Stopping Postgres (process ${info.postgres.pid}), which an earlier run that was killed has left.`,
  );
  expect(await findTraces(stack.info)).toEqual({ rows: ["committed"], workflows: ["committed"] });
});

test("after owner and servers were all killed, the next start recovers, though the dead servers' pids are in use again", async () => {
  const folder = await temporaryFolder();
  const { owner, info } = await runningOwner(folder);
  await leaveTraces(info, "committed");
  await kill(owner);
  for (const { pid } of [info.temporal, info.postgres]) process.kill(pid, "SIGKILL");
  await expect.poll(() => isRunning(info.temporal.pid) || isRunning(info.postgres.pid)).toBe(false);
  const stranger = await takePid(folder);

  const stack = await start(folder);
  expect(await findTraces(stack.info)).toEqual({ rows: ["committed"], workflows: ["committed"] });
  expect(isRunning(stranger), "a process that is not ours is left alone").toBe(true);
});

test("an owner that is killed half-started leaves nothing that the next start does not clear", async () => {
  const folder = await temporaryFolder();
  const owner = ownStack(folder, "--die-half-started");
  await owner.ended;
  expect(owner.child.signalCode).toBe("SIGKILL");

  const stack = await start(folder);
  expect(findProcesses(["--db-filename", join(folder, "temporal.db")])).toEqual([stack.info.temporal.pid]);
  expect(findProcesses(["-D", join(folder, "postgres")])).toContain(stack.info.postgres.pid);
  await leaveTraces(stack.info, "works");
});

test("Ctrl-C reaches the owner alone, which stops both servers in order", async () => {
  const { owner, info } = await runningOwner(await temporaryFolder());
  const group = -(owner.child.pid as number);
  for (const { pid } of [info.temporal, info.postgres]) expect(processGroup(pid)).not.toBe(-group);
  process.kill(group, "SIGINT");
  expect(await owner.outcome()).toEqual({ stopped: true });
  expect([info.temporal.pid, info.postgres.pid].filter((pid) => isRunning(pid))).toEqual([]);
  await owner.ended;
  expect(owner.child.exitCode).toBe(0);
});

test("of several that start on one folder at the same moment, one wins and the others are told", async () => {
  const folder = await temporaryFolder();
  const outcomes = await Promise.all([1, 2, 3].map(() => ownStack(folder).outcome()));
  const winners = outcomes.filter((outcome) => "running" in outcome);
  const losers = outcomes.filter((outcome) => "refused" in outcome);
  expect(winners).toHaveLength(1);
  expect(losers.map((loser) => loser.refused.name)).toEqual(["StackRunningError", "StackRunningError"]);
  const info = readStackInfo(folder) as StackInfo;
  expect(winners[0]).toEqual({ running: info });
  await leaveTraces(info, "works");
});

async function runningOwner(folder: string): Promise<{ owner: Owner; info: StackInfo }> {
  const owner = ownStack(folder);
  const outcome = await owner.outcome();
  if (!("running" in outcome)) throw new Error(`The stack did not start: ${JSON.stringify(outcome)}`);
  return { owner, info: outcome.running };
}

async function kill(owner: Owner): Promise<void> {
  owner.child.kill("SIGKILL");
  await owner.ended;
}

async function start(folder: string, lines: string[] = []): Promise<RunningStack> {
  const ports = { temporalPort: 0, uiPort: 0, postgresPort: 0 };
  const stack = await startStack({ folder, ...ports, progress: (line) => lines.push(line) });
  onTestFinished(() => stack.stop());
  return stack;
}

/** Makes Postgres's own record name a living process of the same user that is no Postgres, as happens when a container is restarted. */
async function takePid(folder: string): Promise<number> {
  const data = join(folder, "postgres");
  const { uid, gid } = await stat(data);
  const stranger = spawn("sleep", ["600"], { uid, gid, stdio: "ignore" });
  onTestFinished(() => void stranger.kill());
  const record = join(data, "postmaster.pid");
  const [, ...rest] = (await readFile(record, "utf8")).split("\n");
  await writeFile(record, [stranger.pid, ...rest].join("\n"));
  return stranger.pid as number;
}

function processGroup(pid: number): number {
  return Number(execFileSync("ps", ["-o", "pgid=", "-p", String(pid)], { encoding: "utf8" }));
}
