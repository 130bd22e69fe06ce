import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { onTestFinished } from "vitest";
import type { StackInfo } from "../../stack/stack-info.ts";

/** What a process that owns a stack says, a line of JSON each. */
export type OwnerEvent =
  | { readonly progress: string }
  | { readonly running: StackInfo }
  | { readonly refused: { readonly name: string; readonly message: string } }
  | { readonly stopped: true };

export type Owner = {
  readonly child: ChildProcess;
  /** The next thing it says that is not progress. */
  outcome(): Promise<Exclude<OwnerEvent, { progress: string }>>;
  /** Resolves once it has ended. */
  readonly ended: Promise<unknown>;
};

/** Starts a stack on this folder in a process of its own, which leads a process group as one started from a terminal does. */
export function ownStack(folder: string, ...flags: readonly "--die-half-started"[]): Owner {
  const script = fileURLToPath(new URL("own-stack.mts", import.meta.url));
  const child = spawn(process.execPath, ["--import", "tsx", script, folder, ...flags], {
    detached: true,
    stdio: ["ignore", "pipe", "inherit"],
  });
  const ended = once(child, "exit");
  onTestFinished(async () => {
    child.kill("SIGTERM");
    await ended;
  });
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
  const outcome: Owner["outcome"] = async () => {
    for (;;) {
      const line = await lines.next();
      if (line.done) throw new Error("The owner ended without a word.");
      const event = JSON.parse(line.value) as OwnerEvent;
      if (!("progress" in event)) return event;
    }
  };
  return { child, outcome, ended };
}
