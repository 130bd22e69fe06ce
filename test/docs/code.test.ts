import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { bareEnvironment, environmentOf } from "../cli/dlo.ts";
import { openWorld, type World } from "../setup/world.ts";
import { blocksOf, documents, folderOfBlocks, root } from "./read-docs.ts";

vi.setConfig({ testTimeout: 180_000 });

let world: World;
beforeAll(async () => void (world = await openWorld()));
afterAll(async () => await world?.close());

test("every TypeScript block of the documents compiles", async () => {
  const opened = [];
  for (const document of documents)
    if ((await blocksOf(document)).some(({ language }) => language === "ts"))
      opened.push(await folderOfBlocks(document));
  expect(opened.length).toBeGreaterThan(3);
  const project = join(opened[0]!.folder, "tsconfig.json");
  try {
    await writeFile(
      project,
      JSON.stringify({
        extends: join(root, "tsconfig.json"),
        include: opened.flatMap(({ folder }) => [join(folder, "**/*.ts"), join(folder, "**/*.mts")]),
        exclude: [],
      }),
    );
    const compiler = join(root, "node_modules", "typescript", "bin", "tsc");
    const { exitCode, stdout } = await execa(process.execPath, [compiler, "--noEmit", "-p", project], {
      reject: false,
      cwd: root,
    });
    expect(stdout).toBe("");
    expect(exitCode).toBe(0);
  } finally {
    for (const { remove } of opened) await remove();
  }
});

test("the README's first job dies, is retried, and recovers", async () => {
  const { folder, remove } = await folderOfBlocks("README.md");
  await world.office();
  try {
    const env = { ...bareEnvironment(), ...environmentOf(world) };
    const ended = await execa(process.execPath, ["--import", "tsx", join(folder, "first-job.mts")], {
      cwd: root,
      env,
      extendEnv: false,
    });
    const lines = ended.stdout.split("\n");
    expect(lines[0]).toMatch(/^charge-card\/[0-9a-f-]{36} died: dead letter [0-9a-f-]{36}$/);
    expect(lines[1]).toBe("recovered charged 1250 for A-1");
  } finally {
    await remove();
  }
});
