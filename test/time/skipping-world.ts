import { TestWorkflowEnvironment } from "@temporalio/testing";
import { connect, type Dlo } from "../../client/index.ts";
import { letterWorkflowId } from "../../model/ids.ts";
import { defineJob, type HandledJob, type HandlerOptions, type JobContext } from "../../model/index.ts";
import type { LetterState } from "../../model/letter-state.ts";
import type { LetterRow } from "../../schema/rows.ts";
import { resolveTimeSkippingServer } from "../../stack/temporal-binary.ts";
import { runOffice, type RunOfficeOptions, runWorker } from "../../worker/index.ts";
import { migratedDatabase } from "../setup/postgres.ts";
import { quietRuntime } from "../setup/quiet-runtime.ts";
import { z } from "zod";

type Contract = Omit<Parameters<typeof defineJob>[0], "name" | "input">;

/** Temporal's time-skipping server with an office and a worker: its clock stands at the real time until `pass`. */
export type SkippingWorld = AsyncDisposable & {
  readonly dlo: Dlo;
  /** What runs of this id do from now on. By default they give up, so that they die at once. */
  when(id: string, behaviour: (ctx: JobContext) => unknown): void;
  /** Starts a job that dies, and returns its letter. */
  dead(job: string, id: string): Promise<LetterRow>;
  /** Lets the server's clock go on by this long. */
  pass(ms: number): Promise<void>;
  /** Lets the server's clock go on to this time. */
  passTo(ms: number): Promise<void>;
  nowMs(): Promise<number>;
  /** Types of a letter's events, in order. */
  events(id: string): Promise<string[]>;
  /**
   * The letter as its workflow has it, once that has carried out all that was due. An update comes behind every timer that
   * has fired, a query might not.
   */
  settled(id: string): Promise<LetterState>;
};

export async function openSkippingWorld(
  contracts: Readonly<Record<string, Contract>>,
  office: RunOfficeOptions = {},
  code: HandlerOptions = {},
): Promise<SkippingWorld> {
  quietRuntime();
  const { path } = await resolveTimeSkippingServer({ progress: () => undefined });
  const env = await TestWorkflowEnvironment.createTimeSkipping({
    server: { executable: { type: "existing-path", path } },
  });
  const databaseUrl = await migratedDatabase();
  const behaviours = new Map<string, (ctx: JobContext) => unknown>();
  const where = { address: env.address, namespace: "default" };
  const jobs = Object.entries(contracts).map(([name, contract]): HandledJob =>
    defineJob({ name, input: z.object({}), ...contract }).handle(
      async (_, ctx) => (behaviours.get(ctx.workflowId) ?? giveUp)(ctx),
      code,
    ),
  );
  // The environment's own client would let time run while it waits for a result.
  const dlo = await connect({ ...where, databaseUrl, identity: "tester" });
  const running = [await runOffice({ ...where, databaseUrl, ...office }), await runWorker({ ...where, jobs })];
  const nowMs = async () => await env.currentTimeMs();
  const pass = async (ms: number) => await env.sleep(ms);
  return {
    dlo,
    when: (id, behaviour) => void behaviours.set(id, behaviour),
    async dead(name, id) {
      const { job } = jobs.find((handled) => handled.job.name === name)!;
      const run = await dlo.start(job, {}, { id });
      await run.result().then(
        () => Promise.reject(new Error(`${id} was to die`)),
        (error: { code?: string }) => (error.code === "JOB_DIED" ? undefined : Promise.reject(error as Error)),
      );
      return await dlo.letters.get(id);
    },
    pass,
    passTo: async (ms) => await pass(ms - (await nowMs())),
    nowMs,
    events: async (id) => (await dlo.letters.story(id)).events.map(({ type }) => type),
    settled: async (id) =>
      await dlo.temporal.workflow
        .getHandle(letterWorkflowId(id))
        .executeUpdate<LetterState, [object]>("note", { args: [{ text: "looked" }] }),
    async [Symbol.asyncDispose]() {
      for (const worker of running.toReversed()) await worker.stop();
      await dlo.close();
      await env.teardown();
    },
  };
}

function giveUp(ctx: JobContext): never {
  return ctx.deadLetter("it was to die");
}
