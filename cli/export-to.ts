import { rmSync } from "node:fs";
import { type FileHandle, open, realpath, rename, rm, stat, writeFile } from "node:fs/promises";
import { constants } from "node:os";
import type { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { usage } from "../model/office-error.ts";
import { notice } from "./output-flag.ts";

/**
 * Writes a stream to standard output, or to a file that gets its name when all of it is there: whatever ends the writing early
 * leaves the name as it was.
 *
 * @param mode of a new file. One that is replaced lends its own, and never grants more than this
 */
export async function exportTo(letters: Readable, file: string | undefined, mode: number): Promise<void> {
  // A reader that has seen enough is no failure: see main.ts.
  if (file === undefined) return await pipeline(letters, process.stdout, { end: false });
  const target = await targetOf(file);
  // A pipe or a device cannot be replaced.
  if (!target.regular) return await write(letters, await open(target.path, "w"));
  const part = `${target.path}.${process.pid}.part`;
  const stop = (signal: NodeJS.Signals) => {
    // At once, though the server may not have sent a byte yet: it sees the connection go.
    rmSync(part, { force: true });
    notice(`Stopped: ${file} is not written.`);
    process.exit(128 + constants.signals[signal]);
  };
  for (const signal of stopSignals) process.on(signal, stop);
  try {
    await write(letters, await openPart(part, mode, target.mode));
    await rename(part, target.path);
  } catch (error) {
    await rm(part, { force: true });
    throw error;
  } finally {
    for (const signal of stopSignals) process.off(signal, stop);
  }
}

const stopSignals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** The file that it replaces may be for fewer eyes than a new one would be, or for a group's. */
async function openPart(part: string, mode: number, replaced: number | undefined): Promise<FileHandle> {
  if (replaced === undefined) return await open(part, "w", mode);
  const handle = await open(part, "w", mode & replaced);
  // The umask is for new files.
  await handle.chmod(mode & replaced);
  return handle;
}

async function write(letters: Readable, handle: FileHandle): Promise<void> {
  try {
    await writeFile(handle, letters);
    // A pipe has nothing to sync.
    await handle.sync().catch(() => undefined);
  } finally {
    await handle.close();
  }
}

/** Where the bytes go: behind links, so that they stay links. */
async function targetOf(file: string): Promise<{ path: string; regular: boolean; mode?: number }> {
  const found = await stat(file).catch(() => undefined);
  if (found === undefined) return { path: file, regular: true };
  if (found.isDirectory()) throw usage(`${file} is a folder; name a file in it`);
  return { path: await realpath(file), regular: found.isFile(), mode: found.mode & 0o777 };
}
