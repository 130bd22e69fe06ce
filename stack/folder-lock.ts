import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { link, mkdir, readdir, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { isRunning, processMark } from "./process-mark.ts";

/*
 * A lock that a killed holder cannot keep, with nothing but files.
 *
 *   lock/7   the holder: {"pid":812,"mark":"90211"}, or {} once released
 *   lock/6   the one before
 *
 * The highest number is the lock. It is free when its holder released it or is dead, and taking it means making the next
 * number, which `link` lets only one process do. A file that is simply deleted when stale would be deleted by two
 * processes, the second time when it is not stale any more. The number before is kept, so that nobody who lists the
 * folder while a new one appears can see it empty.
 */

export type FolderLock = { release(): Promise<void> };

/** Takes the lock kept in this folder, which is made if need be, or gives the pid of the live process that holds it. */
export async function takeLock(folder: string): Promise<FolderLock | { heldBy: number }> {
  await mkdir(folder, { recursive: true });
  for (;;) {
    const top = await highest(folder);
    const heldBy = holder(folder, top);
    if (heldBy !== undefined) return { heldBy };
    const mine = top + 1;
    if (!(await claim(folder, mine))) continue;
    if ((await highest(folder)) > mine) {
      // We listed the folder before others took and passed on the lock: our number came too late to count.
      await rm(join(folder, String(mine)), { force: true });
      continue;
    }
    await forgetBefore(folder, mine - 1);
    return { release: () => write(folder, (draft) => rename(draft, join(folder, String(mine))), {}) };
  }
}

async function claim(folder: string, number: number): Promise<boolean> {
  const self = { pid: process.pid, mark: processMark(process.pid) };
  try {
    // A link appears with its content, where a file that is opened and then written can be read empty in between.
    await write(folder, (draft) => link(draft, join(folder, String(number))), self);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  }
}

async function write(folder: string, place: (draft: string) => Promise<void>, content: object): Promise<void> {
  const draft = join(folder, `.${randomUUID()}`);
  try {
    await writeFile(draft, JSON.stringify(content));
    await place(draft);
  } finally {
    await rm(draft, { force: true });
  }
}

function holder(folder: string, number: number): number | undefined {
  if (number === 0) return undefined;
  try {
    const { pid, mark } = JSON.parse(readFileSync(join(folder, String(number)), "utf8")) as {
      pid?: number;
      mark?: string;
    };
    return pid !== undefined && isRunning(pid, mark) ? pid : undefined;
  } catch {
    // Already passed on, or cut short by a full disk: nobody alive holds it.
    return undefined;
  }
}

async function highest(folder: string): Promise<number> {
  return Math.max(0, ...(await numbers(folder)));
}

async function forgetBefore(folder: string, number: number): Promise<void> {
  const old = (await numbers(folder)).filter((one) => one < number);
  await Promise.all(old.map((one) => rm(join(folder, String(one)), { force: true })));
}

async function numbers(folder: string): Promise<number[]> {
  return (await readdir(folder)).filter((name) => /^\d+$/.test(name)).map(Number);
}
