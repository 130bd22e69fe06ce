import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { execa } from "execa";
import { resolveTemporal } from "../../stack/temporal-binary.ts";
import { bareEnvironment, command, environmentOf } from "../cli/dlo.ts";
import type { World } from "../setup/world.ts";
import { blocksOf } from "./read-docs.ts";

/** A page whose marked blocks, such as ```` ```sh run=setup ````, are run against a world as a reader would, with `dlo` and `temporal` on the path. */
export type Page = {
  /**
   * Runs a block of commands.
   *
   * @param redriveId the one that the page calls 0197a3b2-1c4d
   * @returns what it said, also on standard error
   */
  shell(name: string, redriveId?: string): Promise<string>;
  query(name: string): ReturnType<World["sql"]["unsafe"]>;
  /** Blocks that are to be run, and were not. */
  notRun(): string[];
  close(): Promise<void>;
};

export async function openPage(document: string, world: World): Promise<Page> {
  const blocks = (await blocksOf(document)).filter(({ marks }) => marks["run"] !== undefined);
  const ran = new Set<string>();
  const folder = await mkdtemp(join(tmpdir(), "dlo-page-"));
  await writeFile(join(folder, "dlo"), `#!/bin/sh\nexec '${process.execPath}' '${command}' "$@"\n`);
  await chmod(join(folder, "dlo"), 0o755);
  const temporal = dirname((await resolveTemporal({ progress: () => undefined })).path);
  const env = { ...bareEnvironment(), ...environmentOf(world), PATH: `${folder}:${temporal}:${process.env["PATH"]}` };
  const textOf = (language: string, name: string): string => {
    const found = blocks.find((one) => one.language === language && one.marks["run"] === name);
    if (found === undefined) throw new Error(`${document} has no block "${language} run=${name}"`);
    ran.add(name);
    return found.text;
  };
  return {
    async shell(name, redriveId = "none") {
      const text = textOf("sh", name).replaceAll("0197a3b2-1c4d", redriveId);
      const how = { cwd: folder, env, extendEnv: false, all: true, reject: false } as const;
      const ended = await execa("sh", ["-euc", text], how);
      if (ended.exitCode !== 0) throw new Error(`The block ${name} ended with ${ended.exitCode}:\n${ended.all}`);
      return ended.all;
    },
    query: (name) => world.sql.unsafe(textOf("sql", name)),
    notRun: () => blocks.map(({ marks }) => marks["run"]!).filter((name) => !ran.has(name)),
    close: async () => await rm(folder, { recursive: true, force: true }),
  };
}
