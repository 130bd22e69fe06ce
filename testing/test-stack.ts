import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startStack } from "../stack/stack.ts";

/** Where a test stack is: plain JSON, so that a test runner's global set-up can hand it to the processes of its tests. */
export type TestStackInfo = {
  /** `host:port` of Temporal. */
  readonly address: string;
  /** Base URL of Temporal Web UI. */
  readonly ui: string;
  /** Of a Postgres in which databases may be made. */
  readonly databaseUrl: string;
};

export type TestStack = AsyncDisposable & {
  readonly info: TestStackInfo;
  /** Stops the servers and removes all they kept. May be called again. */
  stop(): Promise<void>;
};

/**
 * Starts Temporal and Postgres on free ports, with nothing in them, in a folder that goes when they stop: once for all test
 * files, each of which opens offices of its own on it.
 *
 * ```ts
 * // vitest's globalSetup; in a test file: startTestOffice({ stack: inject("stack"), jobs })
 * export default async function setup(project: TestProject) {
 *   const stack = await startTestStack();
 *   project.provide("stack", stack.info);
 *   return stack.stop;
 * }
 * ```
 *
 * The first start on a machine fetches the servers, which can take a minute.
 *
 * @param options.progress takes a line for each thing that is fetched. Default: nothing is said
 * @throws {Error} if a server could not be found, fetched or started
 */
export async function startTestStack(options: { readonly progress?: (line: string) => void } = {}): Promise<TestStack> {
  const folder = await mkdtemp(join(tmpdir(), "dlo-test-"));
  const remove = async () => await rm(folder, { recursive: true, force: true, maxRetries: 5 });
  try {
    const running = await startStack({ ...options, folder, temporalPort: 0, uiPort: 0, postgresPort: 0 });
    const { temporal, postgres } = running.info;
    let stopping: Promise<void> | undefined;
    const stop = (): Promise<void> => (stopping ??= running.stop().then(remove));
    return {
      info: { address: temporal.address, ui: temporal.ui, databaseUrl: postgres.url },
      stop,
      [Symbol.asyncDispose]: stop,
    };
  } catch (error) {
    await remove();
    throw error;
  }
}
