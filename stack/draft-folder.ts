import { chmod, mkdir, mkdtemp, readdir, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";

/**
 * Lends an empty folder beside the place its content will be renamed to, and removes it afterwards.
 *
 * Two who fetch the same thing at once thus never see each other's halves. What a killed process has left goes after a day.
 */
export async function withDraftFolder<Result>(
  beside: string,
  use: (draft: string) => Promise<Result>,
): Promise<Result> {
  await mkdir(beside, { recursive: true });
  await removeForgotten(beside);
  const draft = await mkdtemp(join(beside, prefix));
  try {
    return await use(draft);
  } finally {
    await rm(draft, { recursive: true, force: true, maxRetries: 5 });
  }
}

/** Puts the folder in its place, open to read for all, unless somebody else was quicker and has put the same there. */
export async function keepDraft(draft: string, place: string): Promise<void> {
  await chmod(draft, 0o755);
  try {
    await rename(draft, place);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== "ENOTEMPTY" && code !== "EEXIST") throw error;
  }
}

const prefix = "unfinished-";

async function removeForgotten(folder: string): Promise<void> {
  const yesterday = Date.now() - 24 * 60 * 60 * 1000;
  for (const name of (await readdir(folder)).filter((entry) => entry.startsWith(prefix))) {
    const draft = join(folder, name);
    const { mtimeMs } = (await stat(draft).catch(() => undefined)) ?? {};
    if (mtimeMs !== undefined && mtimeMs < yesterday) await rm(draft, { recursive: true, force: true });
  }
}
