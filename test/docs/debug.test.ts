import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { background } from "../cli/background.ts";
import { bareEnvironment, command, environmentOf } from "../cli/dlo.ts";
import { openWorld, until, type World } from "../setup/world.ts";
import { type Block, blocksOf, folderOfBlocks } from "./read-docs.ts";

// The commands of docs/debug.md print what the page says that they print.

vi.setConfig({ testTimeout: 180_000, hookTimeout: 180_000 });

let blocks: readonly Block[];
let world: World;
let bin: string;
let project: Awaited<ReturnType<typeof folderOfBlocks>>;

beforeAll(async () => {
  blocks = await blocksOf("docs/debug.md");
  project = await folderOfBlocks("docs/debug.md");
  bin = await mkdtemp(join(tmpdir(), "dlo-debug-"));
  await writeFile(join(bin, "dlo"), `#!/bin/sh\nexec '${process.execPath}' '${command}' "$@"\n`);
  await chmod(join(bin, "dlo"), 0o755);
  world = await openWorld();
  await world.office();
});
afterAll(async () => {
  await world?.close();
  await project?.remove();
  await rm(bin, { recursive: true, force: true });
});

test("each command prints what the page shows", async () => {
  const worker = background(["worker"], { cwd: project.folder, env: environmentOf(world) });
  await worker.says("Working on import-movie");
  for (const [name, year] of Object.entries({
    magnolia: 1999,
    amelie: 2001,
    inception: 2010,
    looper: 2012,
    tenet: 2020,
  }))
    await run(name, { title: titleOf(name), year, country: "US" });
  for (const [name, year] of Object.entries({ fargo: "1996", alien: "1979", heat: "1995" }))
    await run(name, { title: titleOf(name), year, country: name === "heat" ? "USA" : "US" });
  const { id } = await world.dlo.letters.get("import-movie/fargo");
  const mended = { title: "Fargo", year: 1996, country: "US" };
  await world.dlo.letters.retry(id, { input: mended, waitFor: "30 seconds" });
  // The page counts five.
  const { temporal } = world.dlo;
  await until(
    async () =>
      (await temporal.workflow.count("ExecutionStatus = 'Completed' AND WorkflowType = 'import-movie'")).count === 6,
  );
  const shown = blocks.flatMap(({ marks: { run: name } }) => (name === undefined ? [] : [name]));
  expect(shown.length).toBeGreaterThanOrEqual(3);
  for (const name of shown) {
    const { all } = await execa("sh", ["-euc", block("run", name)], {
      cwd: project.folder,
      env: { ...bareEnvironment(), ...environmentOf(world), PATH: `${bin}:${process.env["PATH"]}` },
      extendEnv: false,
      all: true,
      reject: false,
    });
    expect.soft(`${name}\n${plain(all)}`).toBe(`${name}\n${plain(block("out", name))}`);
  }
});

async function run(name: string, input: object): Promise<void> {
  const started = await world.dlo.temporal.workflow.start("import-movie", {
    workflowId: `import-movie/${name}`,
    taskQueue: "jobs",
    args: [input],
  });
  await started.result().catch(() => undefined);
  if (typeof (input as { year: unknown }).year === "string")
    await until(async () => (await world.dlo.letters.get(started.workflowId)).status === "parked");
}

function titleOf(name: string): string {
  return name.charAt(0).toUpperCase() + name.slice(1);
}

function block(mark: "run" | "out", name: string): string {
  const found = blocks.find(({ marks }) => marks[mark] === name);
  if (found === undefined) throw new Error(`docs/debug.md has no block ${mark}=${name}`);
  return found.text;
}

/** Without what differs each time: ids, times, folders, and the widths of columns that come of them. */
function plain(text: string): string {
  return text
    .replaceAll(/\b[0-9a-f]{8}-[0-9a-f]{4}[-0-9a-f]*/g, "ID")
    .replaceAll("npx dlo", "dlo")
    .replaceAll(/\b(?:now|\d+ ?(?:s|m|h|d|seconds?|minutes?|hours?|days?) ago)\b/g, "AGO")
    .replaceAll(/\b[\d.]+ m?s\b/g, "TOOK")
    .replaceAll(/[^\s(]*(?=\/import-movie\.ts:)/g, "")
    .replaceAll(/\(\d+ more frames?: /g, "(N more frames: ")
    .replaceAll(/[ \t]+/g, " ")
    .trim();
}
