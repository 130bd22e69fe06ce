import type * as FileSystem from "node:fs/promises";
import { join } from "node:path";
import { expect, test, vi } from "vitest";
import { takeLock } from "../../stack/folder-lock.ts";
import { temporaryFolder } from "./temporary-folder.ts";

/** What happens between the next listing of a folder and its use. */
const meanwhile = vi.hoisted(() => ({ happens: undefined as (() => Promise<void>) | undefined }));

vi.mock("node:fs/promises", async (original) => {
  const real = await original<typeof FileSystem>();
  const readdir = async (folder: string): Promise<string[]> => {
    const listed = await real.readdir(folder);
    const event = meanwhile.happens;
    meanwhile.happens = undefined;
    await event?.();
    return listed;
  };
  return { ...real, readdir };
});

test("who listed the lock's folder before others passed the lock on does not take it beside its holder", async () => {
  const folder = join(await temporaryFolder(), "lock");
  meanwhile.happens = async () => {
    // Passed on often enough that the number the late one will try is free again.
    for (let pass = 1; pass <= 3; pass++) await release(await takeLock(folder));
    expect(await takeLock(folder)).toHaveProperty("release");
  };
  expect(await takeLock(folder)).toEqual({ heldBy: process.pid });
});

async function release(lock: Awaited<ReturnType<typeof takeLock>>): Promise<void> {
  if ("heldBy" in lock) throw new Error("The lock should be free here.");
  await lock.release();
}
