import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";

/**
 * A mark that tells this process from every other that had or will have the same pid, or undefined if none runs under it.
 *
 * Pids are given out again, in a restarted container within seconds. The mark is the moment the process was started, as the
 * operating system counts it; on Windows it is only the fact that the pid is in use.
 */
export function processMark(pid: number): string | undefined {
  if (!Number.isSafeInteger(pid) || pid <= 0) return undefined;
  if (process.platform === "linux") return linuxMark(pid);
  if (!answers(pid)) return undefined;
  return process.platform === "win32" ? "running" : startTime(pid);
}

/** Whether the process that had this mark still runs. Without a mark, whether any process has the pid. */
export function isRunning(pid: number, mark?: string): boolean {
  const now = processMark(pid);
  return now !== undefined && (mark === undefined || mark === now);
}

function linuxMark(pid: number): string | undefined {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  } catch {
    return undefined;
  }
  // The name in parentheses may hold spaces and parentheses of its own, so count from its end: state is field 3, start 22.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const state = fields[0];
  // In a container whose first process does not reap, a killed process stays as a zombie for ever.
  if (state === "Z" || state === "X") return undefined;
  return fields[19];
}

function answers(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // EPERM: it runs, as somebody else.
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

function startTime(pid: number): string | undefined {
  try {
    const started = execFileSync("ps", ["-o", "lstart=", "-p", String(pid)], {
      encoding: "utf8",
      env: { LC_ALL: "C" },
    });
    return started.trim() || undefined;
  } catch {
    return undefined;
  }
}
