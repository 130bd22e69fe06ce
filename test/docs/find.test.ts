import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { z } from "zod";
import { fields } from "../../model/filter-fields.ts";
import { parseFilter } from "../../model/filter-line.ts";
import { defineJob } from "../../model/index.ts";
import { bareEnvironment, command, environmentOf } from "../cli/dlo.ts";
import { openWorld, until, type World } from "../setup/world.ts";
import { blocksOf, readDocument } from "./read-docs.ts";

vi.setConfig({ testTimeout: 240_000 });

let world: World;
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "dlo-find-"));
  await writeFile(join(folder, "dlo"), `#!/bin/sh\nexec '${process.execPath}' '${command}' "$@"\n`);
  await chmod(join(folder, "dlo"), 0o755);
  world = await openWorld();
  await world.office();
  const importMovie = defineJob({
    name: "import-movie",
    input: z.object({ title: z.string(), year: z.number() }),
    activity: { retry: { maximumAttempts: 1 } },
  });
  const refused = importMovie.handle(() => {
    throw Object.assign(new Error("connection refused"), { code: "ECONNREFUSED" });
  });
  await world.worker({ jobs: [refused] });
  await world.dlo.start(importMovie, { title: "The Sheep Man", year: 2001 });
  await until(async () => (await world.dlo.letters.count()).count === 1);
});

afterAll(async () => {
  await world?.close();
  await rm(folder, { recursive: true, force: true });
});

test("every command of the page on filters runs, and its first one finds the letter", async () => {
  const blocks = (await blocksOf("docs/find.md")).filter(({ language }) => language === "sh");
  const commands = blocks.flatMap(({ text }) => text.trim().split("\n"));
  expect(commands.length).toBeGreaterThan(10);
  const env = { ...bareEnvironment(), ...environmentOf(world), PATH: `${folder}:${process.env["PATH"]}` };
  for (const [i, line] of commands.entries()) {
    const ended = await execa("sh", ["-euc", line], { cwd: folder, env, extendEnv: false, all: true, reject: false });
    if (ended.exitCode !== 0) throw new Error(`${line} ended with ${ended.exitCode}:\n${ended.all}`);
    if (i === 0) expect(ended.stdout).toContain("import-movie");
  }
});

test("the table names every word, and each of its terms can be read", async () => {
  const text = await readDocument("docs/find.md");
  const table = text.split("\n").filter((line) => line.startsWith("| `"));
  const terms = table.flatMap((line) =>
    [...(line.split("|")[1] ?? "").matchAll(/`([^`]+)`/g)].map(([, term = ""]) => term),
  );
  const words = fields.filter(({ key }) => key !== "text").map(({ word }) => word);
  expect(words.filter((word) => !terms.some((term) => term.startsWith(word)))).toEqual([]);
  for (const term of terms.filter((one) => !one.endsWith(":"))) parseFilter(term);
});
