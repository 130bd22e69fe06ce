import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { tmpdir } from "node:os";
import { onTestFinished } from "vitest";
import { bareEnvironment } from "./dlo.ts";

/** A shell that runs in the background, until the test ends. */
export function shell(line: string, env: Readonly<Record<string, string>>) {
  const child: ChildProcess = spawn("bash", ["-c", line], {
    cwd: tmpdir(),
    env: { ...bareEnvironment(), ...env, TERM: "xterm-256color" },
  });
  let text = "";
  for (const stream of [child.stdout!, child.stderr!])
    stream.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
  const ended = once(child, "close").then(([code]) => code as number | null);
  onTestFinished(async () => {
    child.kill();
    await ended;
  });
  return { said: () => text, types: (keys: string) => child.stdin!.write(keys), ended };
}
