import { existsSync } from "node:fs";
import { mkdtemp, realpath, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { execa } from "execa";
import { onTestFinished } from "vitest";
import type { World } from "../setup/world.ts";

export const command = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));

export type Ran = { readonly code: number | undefined; readonly stdout: string; readonly stderr: string };

export type RunOptions = {
  /** What comes in by the pipe. Absent: nothing, and no terminal either. */
  readonly input?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** @default a folder without configuration and stack */
  readonly cwd?: string;
};

/** Runs the built command as a shell would, off a terminal. */
export async function dlo(
  args: readonly string[],
  { input = "", env = {}, cwd = tmpdir() }: RunOptions = {},
): Promise<Ran> {
  if (!existsSync(command)) throw new Error("The command is not built: npm run build");
  const { exitCode, stdout, stderr } = await execa(process.execPath, [command, ...args], {
    input,
    cwd,
    env: { ...bareEnvironment(), ...env },
    extendEnv: false,
    reject: false,
  });
  return { code: exitCode, stdout, stderr };
}

/** The shell's environment without what would lead to other systems, and without what decides on colours: Node takes `CI` for that, too. */
export function bareEnvironment(): Record<string, string> {
  const kept = Object.entries(process.env).filter(
    (entry): entry is [string, string] =>
      entry[1] !== undefined &&
      !/^(TEMPORAL_|DLO_|CI$|FORCE_COLOR|NO_COLOR|NODE_DISABLE_COLORS|VISUAL|EDITOR|NODE_OPTIONS|VITEST)/.test(
        entry[0],
      ),
  );
  return Object.fromEntries(kept);
}

/** The environment of somebody who works with this world. */
export function environmentOf({ address, namespace, databaseUrl }: World): Record<string, string> {
  return { TEMPORAL_ADDRESS: address, TEMPORAL_NAMESPACE: namespace, DLO_DATABASE_URL: databaseUrl };
}

/** A folder with these files, removed after the test. */
export async function folderWith(files: Readonly<Record<string, string>>): Promise<string> {
  const folder = await realpath(await mkdtemp(join(tmpdir(), "dlo-cli-")));
  onTestFinished(async () => await rm(folder, { recursive: true, force: true, maxRetries: 5 }));
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text, { mode: 0o755 });
  return folder;
}

/** A configuration with one job, for a folder of its own: it imports nothing but the package. */
export const configWithJob = `
import { defineConfig, defineJob } from "dead-letter-office";
const validate = (value) =>
  typeof value?.order === "number" ? { value } : { issues: [{ message: "must be a number", path: ["order"] }] };
const ship = defineJob({
  name: "ship-order",
  input: { "~standard": { version: 1, vendor: "test", validate } },
  activity: { retry: { maximumAttempts: 1 } },
  key: ({ order }) => String(order),
});
export const jobs = [ship.handle(async ({ order }) => {
  if (order < 0) throw new RangeError("no such order");
  return { shipped: order };
})];
export default defineConfig({ jobs });
`;
