import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

export type Part = {
  /** All that it has said, its log included. */
  output(): string;
  /** Asks it to stop, waits, and returns its exit code. May be called again. */
  stop(): Promise<number | null>;
};

/**
 * Runs a file of this folder in a process of its own, until it says "running".
 *
 * @param env all that it has of an environment, beside PATH
 * @throws {Error} with its output, if it ends first
 */
export async function startPart(
  file: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<Part> {
  const path = fileURLToPath(new URL(file, import.meta.url));
  const child = spawn(process.execPath, ["--import", "tsx", path, ...args], {
    env: { PATH: process.env["PATH"], HOME: process.env["HOME"], ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const ended = once(child, "exit").then(([code]) => code as number | null);
  let output = "";
  await new Promise<void>((resolve, reject) => {
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (text: string) => {
        output += text;
        if (/^running$/m.test(output)) resolve();
      });
    }
    void ended.then((code) => reject(new Error(`${file} ended with ${code}:\n${output}`)));
  });
  return {
    output: () => output,
    async stop() {
      child.kill("SIGTERM");
      return await ended;
    },
  };
}
