import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { onTestFinished } from "vitest";
import { bareEnvironment, command } from "./dlo.ts";

/** A `dlo` command that stays. */
export type Background = {
  /** Everything that it has said so far, on both streams. */
  readonly said: () => string;
  /** Resolves once it has said this; fails if it ends before. */
  says(text: string): Promise<void>;
  /** Sends a signal, and returns the exit code. */
  stop(signal: NodeJS.Signals): Promise<number | null>;
};

/** Starts a command off a terminal; it is stopped when the test ends. */
export function background(
  args: readonly string[],
  { cwd, env = {} }: { cwd: string; env?: Readonly<Record<string, string>> },
): Background {
  const child: ChildProcess = spawn(process.execPath, [command, ...args], {
    cwd,
    env: { ...bareEnvironment(), ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let text = "";
  const wake = new Set<() => void>();
  const heard = () => wake.forEach((look) => look());
  for (const stream of [child.stdout!, child.stderr!])
    stream.setEncoding("utf8").on("data", (chunk: string) => {
      text += chunk;
      heard();
    });
  const ended = once(child, "exit").then(([code]) => code as number | null);
  void ended.then(heard);
  const stop: Background["stop"] = async (signal) => {
    child.kill(signal);
    return await ended;
  };
  onTestFinished(async () => void (await stop("SIGTERM")));
  return {
    said: () => text,
    stop,
    says: async (wanted) =>
      await new Promise((resolve, reject) => {
        const look = () => {
          if (text.includes(wanted)) resolve();
          else if (child.exitCode !== null)
            reject(new Error(`It ended with ${child.exitCode} before it said "${wanted}":\n${text}`));
          else return;
          wake.delete(look);
        };
        wake.add(look);
        look();
      }),
  };
}
