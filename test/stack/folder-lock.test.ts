import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFile, readdir } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { takeLock } from "../../stack/folder-lock.ts";
import { temporaryFolder } from "./temporary-folder.ts";

test("a lock is held until it is released", async () => {
  const folder = join(await temporaryFolder(), "lock");
  const lock = await takeLock(folder);
  expect(await takeLock(folder)).toEqual({ heldBy: process.pid });
  if ("heldBy" in lock) throw new Error("A new folder's lock is free.");
  await lock.release();
  expect(await takeLock(folder)).toHaveProperty("release");
});

test("of many that ask at once exactly one gets it", async () => {
  const folder = join(await temporaryFolder(), "lock");
  const answers = await Promise.all(Array.from({ length: 50 }, () => takeLock(folder)));
  expect(answers.filter((answer) => "release" in answer)).toHaveLength(1);
});

test("processes that take it in turns, and die with it, never hold it together, and leave no litter", async () => {
  const folder = join(await temporaryFolder(), "lock");
  const journal = `${folder}.journal`;
  const script = fileURLToPath(new URL("take-lock.mts", import.meta.url));
  const children = Array.from({ length: 4 }, () =>
    spawn(process.execPath, ["--import", "tsx", script, folder, journal], { stdio: "inherit" }),
  );
  const ends = await Promise.all(children.map((child) => once(child, "exit")));
  expect(ends.map(([, signal]) => signal as unknown)).toEqual(["SIGKILL", "SIGKILL", "SIGKILL", "SIGKILL"]);

  const holds = (await readFile(journal, "utf8")).trim().split("\n");
  expect(holds).toHaveLength(4 * 25 * 2);
  for (let line = 0; line < holds.length; line += 2) {
    expect(holds[line + 1], `line ${line} of the journal`).toBe(holds[line]?.replace("+", "-"));
  }
  expect(await takeLock(folder)).toHaveProperty("release");
  expect(await readdir(folder)).toHaveLength(2);
});
