import { spawn } from "node:child_process";
import { closeSync, fstatSync, openSync, readSync, renameSync, statSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { isRunning, processMark } from "./process-mark.ts";

export type ServerCommand = {
  readonly command: string;
  readonly args: readonly string[];
  /** Takes both outputs; appended to, and put aside as `<file>.1` once it is over 10 MB. */
  readonly logFile: string;
  /** What asks it to stop soon and cleanly. */
  readonly stopSignal: NodeJS.Signals;
  /** Another user to run as; only root can. */
  readonly uid?: number;
  readonly gid?: number;
};

export type ServerProcess = {
  readonly pid: number;
  /** Settles when it has ended, whoever ended it, with what it wrote last. */
  readonly ended: Promise<ServerEnd>;
  /** Asks it to stop, after 15 s kills it, and returns when it has ended. May be called again. */
  stop(): Promise<void>;
};

export type ServerEnd = {
  /** Such as `exit code 1` or `signal SIGKILL`. */
  readonly how: string;
  /** What it has written to its log since it was started, at most the last 4 KB. */
  readonly output: string;
};

/**
 * Starts a server as a process group of its own, so that the terminal's Ctrl-C reaches us alone and we stop things in order.
 *
 * A process that exits without having stopped it takes it along; one that is killed leaves it behind.
 */
export async function startServer(server: ServerCommand): Promise<ServerProcess> {
  setLargeLogAside(server.logFile);
  const log = openSync(server.logFile, "a+");
  const start = fstatSync(log).size;
  const { command, args, uid, gid } = server;
  const child = spawn(command, args, {
    detached: true,
    stdio: ["ignore", log, log],
    ...(uid === undefined ? {} : { uid }),
    ...(gid === undefined ? {} : { gid }),
  });
  const takeAlong = (): void => void child.kill(server.stopSignal);
  process.once("exit", takeAlong);
  const ended = new Promise<ServerEnd>((resolve) => {
    child.once("close", (code, signal) => {
      process.off("exit", takeAlong);
      resolve({ how: signal ? `signal ${signal}` : `exit code ${code}`, output: tail(log, start) });
      closeSync(log);
    });
  });
  try {
    await new Promise((resolve, reject) => child.once("spawn", resolve).once("error", reject));
  } catch (error) {
    throw new Error(`${command} could not be started: ${(error as Error).message}`, { cause: error });
  }
  const pid = child.pid as number;
  const mark = processMark(pid);
  const stop = async (): Promise<void> => {
    await stopProcess(pid, mark, server.stopSignal);
    await ended;
  };
  return { pid, ended, stop };
}

/** Asks a process to stop, after 15 s kills it, and returns when it is gone. Does nothing if the one with this mark is not there (any more). */
export async function stopProcess(pid: number, mark: string | undefined, stopSignal: NodeJS.Signals): Promise<void> {
  if (mark === undefined || !isRunning(pid, mark)) return;
  send(pid, stopSignal);
  if (await isGone(pid, mark, 15_000)) return;
  send(pid, "SIGKILL");
  if (await isGone(pid, mark, 15_000)) return;
  throw new Error(`Process ${pid} does not end, not even killed. Look at it with: ps -fp ${pid}`);
}

async function isGone(pid: number, mark: string, withinMs: number): Promise<boolean> {
  for (const until = Date.now() + withinMs; isRunning(pid, mark);) {
    if (Date.now() > until) return false;
    await delay(10);
  }
  return true;
}

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

const tailBytes = 4096;

function tail(log: number, start: number): string {
  const { size } = fstatSync(log);
  const from = Math.max(start, size - tailBytes);
  const bytes = Buffer.alloc(size - from);
  const read = readSync(log, bytes, 0, bytes.length, from);
  return bytes.toString("utf8", 0, read).trim();
}

function setLargeLogAside(file: string): void {
  const size = statSync(file, { throwIfNoEntry: false })?.size ?? 0;
  if (size > 10_000_000) renameSync(file, `${file}.1`);
}
