import { findTarget, type TargetOptions } from "../connect/target.ts";
import { openReader } from "../client/reader.ts";
import type { Config } from "../model/config.ts";
import { setUp } from "../setup/setup.ts";
import { runOffice, runWorker } from "../worker/index.ts";
import { type DevStack, type DevStackFlags, startDevStack } from "./dev-stack.ts";
import { devView } from "./dev-view.ts";
import { useOnly } from "./dev-environment.ts";
import { type LiveView, openLiveView } from "./live-view.ts";
import { loadConfig } from "./load-config.ts";
import { openLettersLine } from "./open-letters.ts";
import { Stopped, stopSignal } from "./until-signal.ts";
import { logWith } from "./worker-log.ts";

export type DevFlags = DevStackFlags & { readonly config?: string };

/*
 *   servers ── set-up ── office ── worker ── the config's own starts ── live view, until Ctrl-C or a failure
 *
 * Each step that started something leaves on `running` how to stop it; whatever ends the command, half started or not,
 * they stop in the opposite order.
 */
export async function runDev(flags: DevFlags): Promise<void> {
  const view = openLiveView(process.stdout);
  const { signal, off } = stopSignal(view.say);
  const running: (() => Promise<unknown>)[] = [];
  let openLetters: string | undefined;
  try {
    const stack = await startDevStack(flags, { progress: view.say, signal });
    running.push(stack.stop);
    useOnly(stack);
    await runOn(stack, flags, { view, signal, running, ended: (line) => (openLetters = line) });
  } catch (error) {
    if (!(error instanceof Stopped) && signal.reason !== error) throw error;
  } finally {
    view.freeze();
    try {
      for (const stop of running.toReversed()) await stop();
      if (signal.aborted) view.say("Stopped.");
      if (openLetters !== undefined) view.say(openLetters);
    } finally {
      view.close();
      off();
    }
  }
}

type Running = {
  readonly view: LiveView;
  readonly signal: AbortSignal;
  readonly running: (() => Promise<unknown>)[];
  /** Takes the last line to say. */
  readonly ended: (openLetters: string | undefined) => void;
};

async function runOn(stack: DevStack, flags: DevFlags, { view, signal, running, ended }: Running): Promise<void> {
  // Loaded once the environment leads to this stack: a config may connect by itself.
  const loaded = await loadConfig(flags.config);
  const config = loaded?.config ?? {};
  const target = targetOf(stack);
  // A death is news of its own, in one line.
  const except = ["Workflow failed", "Activity failed"];
  await logWith(view.say, { level: "WARN", except, metrics: config.listen !== undefined });
  signal.throwIfAborted();
  await setUp(findTarget(target), { progress: view.say, ...defined({ office: config.office }) });
  // Asked once office and worker have stopped, while the database still answers.
  const { address, namespace, databaseUrl } = stack;
  running.push(async () => ended(await openLettersLine({ address, namespace, databaseUrl })));
  signal.throwIfAborted();
  const {
    office,
    queues,
    redact,
    fingerprint,
    amendments,
    probes,
    adopt,
    listen,
    health,
    on,
    codec,
    jobs = [],
  } = config;
  const shared = { ...target, ...defined({ codec }) };
  const officeRuns = await runOffice({
    ...shared,
    ...defined({ office, queues, redact, fingerprint, amendments, probes, adopt, listen, health, on }),
  });
  running.push(officeRuns.stop);
  signal.throwIfAborted();
  const failures = [stack.failed, failureOf(officeRuns.done)];
  if (jobs.length > 0) {
    const worker = await runWorker({ ...withoutDatabase(shared), ...workerConfig(config), jobs });
    running.push(worker.stop);
    failures.push(failureOf(worker.done));
  }
  for (const start of config.dev ?? []) {
    signal.throwIfAborted();
    const stop = await start({ folder: stack.folder, say: view.say });
    if (stop !== undefined) running.push(stop);
  }
  const reader = openReader(target);
  running.push(reader.close);
  const shown = devView(reader, { stack, configFrom: loaded?.from, jobs: jobs.map(({ job }) => job.name) });
  const watched = view.watch(shown, signal);
  const failure = await Promise.race([...failures, watched.then(() => undefined)]);
  if (failure !== undefined) throw failure;
}

function targetOf({ address, namespace, databaseUrl, embedded }: DevStack): TargetOptions {
  // Whatever the shell says of TLS is about another server.
  return { address, namespace, databaseUrl, ...(embedded.temporal ? { tls: false } : {}) };
}

function withoutDatabase<T extends TargetOptions>({ databaseUrl: _, ...rest }: T): Omit<T, "databaseUrl"> {
  return rest;
}

function workerConfig({ workflowsPath, activities, classifier, shutdownGraceTime }: Config) {
  return defined({ workflowsPath, activities, classifier, shutdownGraceTime });
}

/** Settles only if it fails. */
async function failureOf(done: Promise<void>): Promise<Error | undefined> {
  try {
    await done;
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
  return await new Promise(() => undefined);
}

function defined<T extends object>(values: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as never;
}
