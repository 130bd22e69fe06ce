import { lstat, readdir } from "node:fs/promises";
import { join } from "node:path";

export type Patience = {
  /** Aborted when nothing came for too long, or when the caller's own signal is. */
  readonly signal: AbortSignal;
  /** Says how many bytes are here by now. */
  came(bytes: number): void;
};

/**
 * Does something that fetches, as long as bytes keep coming: it gives up when none came for `limitMs`, by default 15 s.
 *
 * Says how far it is, under the name `what`, at most every three seconds.
 */
export async function withPatience<Result>(
  how: {
    readonly what: string;
    readonly progress: (line: string) => void;
    readonly signal: AbortSignal;
    readonly limitMs?: number;
  },
  fetchIt: (patience: Patience) => Promise<Result>,
): Promise<Result> {
  const { what, progress, limitMs = 15_000 } = how;
  const giveUp = new AbortController();
  const timer = setTimeout(() => giveUp.abort(new Error(`nothing came for ${limitMs / 1000} s`)), limitMs);
  const signal = AbortSignal.any([how.signal, giveUp.signal]);
  let bytesSoFar = 0;
  let saidAt = Date.now();
  const came = (bytes: number): void => {
    if (bytes === bytesSoFar) return;
    bytesSoFar = bytes;
    timer.refresh();
    if (Date.now() - saidAt < 3000) return;
    saidAt = Date.now();
    progress(`${what}: ${Math.round(bytes / 1e6)} MB so far`);
  };
  try {
    return await fetchIt({ signal, came });
  } catch (error) {
    signal.throwIfAborted();
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

/** Does something that fills a folder, and meanwhile reports the folder's size, with all it holds, every half second. */
export async function watchingFolder<Result>(
  folder: string,
  patience: Patience,
  fill: () => Promise<Result>,
): Promise<Result> {
  const timer = setInterval(() => void folderBytes(folder).then((bytes) => patience.came(bytes)), 500);
  try {
    return await fill();
  } finally {
    clearInterval(timer);
  }
}

async function folderBytes(folder: string): Promise<number> {
  const entries = await readdir(folder, { recursive: true }).catch(() => []);
  // What is unpacked or renamed meanwhile may be gone again.
  const found = await Promise.all(entries.map((name) => lstat(join(folder, name)).catch(() => undefined)));
  return found.reduce((sum, entry) => sum + (entry?.size ?? 0), 0);
}
