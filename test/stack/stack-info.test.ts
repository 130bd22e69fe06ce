import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { processMark } from "../../stack/process-mark.ts";
import { findStack, readStackInfo } from "../../stack/stack-info.ts";
import { temporaryFolder } from "./temporary-folder.ts";

const running = {
  version: 1,
  pid: process.pid,
  pidMark: processMark(process.pid),
  startedAt: "2026-11-24T10:00:00.000Z",
  temporal: { address: "127.0.0.1:7233", namespace: "default", ui: "http://127.0.0.1:8233", pid: process.pid },
  postgres: { url: "postgres://postgres:secret@127.0.0.1:5432/dlo", pid: process.pid },
};

test("a running stack is found from any folder of its project", async () => {
  const project = await projectWith(running);
  const deep = join(project, "src", "jobs");
  await mkdir(deep, { recursive: true });
  expect(findStack(deep)).toEqual(running);
  expect(findStack(project)).toEqual(running);
  expect(readStackInfo(join(project, ".dlo"))).toEqual(running);
});

test("no file means no stack", async () => {
  expect(findStack(await temporaryFolder())).toBeUndefined();
});

test.for([
  ["is not JSON", "{"],
  ["is of another format", JSON.stringify({ ...running, version: 2 })],
  ["lacks Postgres", JSON.stringify({ ...running, postgres: undefined })],
])("a file that %s means no stack", async ([, content]) => {
  const project = await projectWith(content as string);
  expect(readStackInfo(join(project, ".dlo"))).toBeUndefined();
});

test("the stack of a dead owner does not run", async () => {
  const child = spawn(process.execPath, ["--eval", ""]);
  await once(child, "exit");
  const project = await projectWith({ ...running, pid: child.pid });
  expect(findStack(project)).toBeUndefined();
});

test("a process that merely has the dead owner's pid is not the owner", async () => {
  const project = await projectWith({ ...running, pidMark: "an earlier start" });
  expect(findStack(project)).toBeUndefined();
});

test("the nearest project decides, even if its stack does not run", async () => {
  const outer = await projectWith(running);
  const inner = join(outer, "inner");
  await putInfo(inner, { ...running, pidMark: "an earlier start" });
  expect(findStack(inner)).toBeUndefined();
  expect(findStack(outer)).toEqual(running);
});

async function projectWith(info: object | string): Promise<string> {
  const project = await temporaryFolder();
  await putInfo(project, info);
  return project;
}

async function putInfo(project: string, info: object | string): Promise<void> {
  await mkdir(join(project, ".dlo"), { recursive: true });
  await writeFile(join(project, ".dlo", "stack.json"), typeof info === "string" ? info : JSON.stringify(info));
}
