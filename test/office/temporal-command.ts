import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { resolveTemporal } from "../../stack/temporal-binary.ts";

export type CommandResult = { readonly code: number; readonly stdout: string; readonly stderr: string };

/** Runs the plain `temporal` command, with no client of ours, on a namespace of the run's stack. */
export async function temporalCommand(
  { address, namespace }: { readonly address: string; readonly namespace: string },
  ...args: readonly string[]
): Promise<CommandResult> {
  const { path } = await resolveTemporal({ progress: () => undefined });
  try {
    const { stdout, stderr } = await promisify(execFile)(path, [
      ...args,
      "--address",
      address,
      "--namespace",
      namespace,
    ]);
    return { code: 0, stdout, stderr };
  } catch (error) {
    const { code, stdout, stderr } = error as { code: unknown; stdout: string; stderr: string };
    if (typeof code !== "number") throw error;
    return { code, stdout, stderr };
  }
}
