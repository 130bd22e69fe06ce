import { readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { isRunning } from "./process-mark.ts";

/** Where a running stack is: the content of `.dlo/stack.json`. */
export type StackInfo = {
  /** Of this format. */
  readonly version: 1;
  /** Of the process that owns the stack and will stop it. */
  readonly pid: number;
  /** Tells the owner from a later process with the same pid. */
  readonly pidMark?: string;
  /** ISO 8601. */
  readonly startedAt: string;
  readonly temporal: {
    /** `host:port` of the gRPC frontend. */
    readonly address: string;
    readonly namespace: string;
    /** Base URL of Temporal Web UI. */
    readonly ui: string;
    readonly pid: number;
  };
  readonly postgres: {
    /** With user, password and database. */
    readonly url: string;
    readonly pid: number;
  };
};

/** The folder of a project that holds the stack's state. */
export const stackFolder = ".dlo";

/** The stack that runs on this state folder (such as `/app/.dlo`), or undefined if none does: no file, unreadable, or its owner is dead. */
export function readStackInfo(folder: string): StackInfo | undefined {
  const info = parse(join(folder, infoFile));
  return info && isRunning(info.pid, info.pidMark) ? info : undefined;
}

/**
 * The running stack of the project that this folder is in: of the nearest folder, going up, that has a `.dlo/stack.json`.
 *
 * If that one does not run, the answer is undefined, and no folder above is asked: it would be another project's.
 */
export function findStack(cwd: string): StackInfo | undefined {
  for (let folder = resolve(cwd); ; folder = dirname(folder)) {
    const state = join(folder, stackFolder);
    if (parse(join(state, infoFile))) return readStackInfo(state);
    if (folder === dirname(folder)) return undefined;
  }
}

export const infoFile = "stack.json";

function parse(file: string): StackInfo | undefined {
  let info: Partial<StackInfo>;
  try {
    info = JSON.parse(readFileSync(file, "utf8")) as Partial<StackInfo>;
  } catch {
    return undefined;
  }
  const whole = info.version === 1 && info.pid && info.temporal?.address && info.postgres?.url;
  return whole ? (info as StackInfo) : undefined;
}
