import { execFileSync } from "node:child_process";
import { readFileSync, readdirSync } from "node:fs";

/**
 * Pids of the processes that were started with these arguments, among others, one after the other: `-D /here/.dlo/postgres`.
 *
 * This, and no record of ours, is what tells a server we left behind: a record can be missing (killed right after the spawn) or
 * outlive its process, the command line cannot. Empty on Windows.
 */
export function findProcesses(argument: readonly [string, string]): number[] {
  if (process.platform === "win32") return [];
  return process.platform === "linux" ? fromProc(argument) : fromPs(argument);
}

/** The command line of a process, its parts separated by spaces; empty if there is no such process. */
export function commandLine(pid: number): string {
  if (process.platform === "linux") return procCommandLine(pid).replaceAll("\0", " ");
  try {
    return execFileSync("ps", ["-ww", "-o", "command=", "-p", String(pid)], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    });
  } catch {
    return "";
  }
}

// Slim images come without `ps`.
function fromProc(argument: readonly [string, string]): number[] {
  const wanted = `\0${argument.join("\0")}\0`;
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => pid !== process.pid && procCommandLine(pid).includes(wanted));
}

function procCommandLine(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8");
  } catch {
    return "";
  }
}

function fromPs(argument: readonly [string, string]): number[] {
  const wanted = ` ${argument.join(" ")} `;
  return execFileSync("ps", ["-axww", "-o", "pid=,command="], { encoding: "utf8", maxBuffer: 64 << 20 })
    .split("\n")
    .filter((line) => `${line} `.includes(wanted))
    .map((line) => Number.parseInt(line, 10))
    .filter((pid) => pid !== process.pid);
}
