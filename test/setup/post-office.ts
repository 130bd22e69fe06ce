import { z } from "zod";
import { defineJob, type JobContext } from "../../model/index.ts";
import type { RunOfficeOptions } from "../../worker/index.ts";
import type { LetterRow } from "../../schema/rows.ts";
import type { SharedStack } from "./stack.ts";
import { openWorld, type World } from "./world.ts";

export const deliver = defineJob({
  name: "deliver",
  input: z.object({ to: z.string() }),
  activity: { retry: { maximumAttempts: 1 } },
  deadLetter: { retention: "30 days" },
});

/** What one run of `deliver` does. */
export type Behaviour = (input: { to: string }, ctx: JobContext) => unknown;

/** A world with an office and a worker whose job does what each test says, by the job's id. */
export type PostOffice = World & {
  /** What runs of this id do from now on. By default they throw "nobody at home". */
  when(id: string, behaviour: Behaviour): void;
  /** How often runs of this id have begun. */
  runs(id: string): number;
  /** Starts a job that dies, and returns its letter. */
  dead(id: string, input?: { to: string }): Promise<LetterRow>;
  /** Types of a letter's events, in order. */
  events(letterId: string): Promise<string[]>;
};

export async function openPostOffice(office: RunOfficeOptions = {}, stack?: SharedStack): Promise<PostOffice> {
  const world = await openWorld(stack);
  const behaviours = new Map<string, Behaviour>();
  const begun = new Map<string, number>();
  await world.office(office);
  await world.worker({
    jobs: [
      deliver.handle(async (input, ctx) => {
        begun.set(ctx.workflowId, (begun.get(ctx.workflowId) ?? 0) + 1);
        return await (behaviours.get(ctx.workflowId) ?? nobodyAtHome)(input, ctx);
      }),
    ],
  });
  return {
    ...world,
    when: (id, behaviour) => void behaviours.set(id, behaviour),
    runs: (id) => begun.get(id) ?? 0,
    async dead(id, input = { to: "ann" }) {
      const run = await world.dlo.start(deliver, input, { id });
      await run.result().then(
        () => Promise.reject(new Error(`${id} was to die`)),
        (error: { code?: string }) => (error.code === "JOB_DIED" ? undefined : Promise.reject(error as Error)),
      );
      return await world.dlo.letters.get(id);
    },
    events: async (letterId) => (await world.dlo.letters.story(letterId)).events.map(({ type }) => type),
  };
}

/** A run that goes on until it is told to end. */
export function gate<T>(): { readonly opened: Promise<T>; open(value: T): void; fail(error: Error): void } {
  let open!: (value: T) => void;
  let fail!: (error: Error) => void;
  const opened = new Promise<T>((resolve, reject) => ([open, fail] = [resolve, reject]));
  opened.catch(() => undefined);
  return { opened, open, fail };
}

function nobodyAtHome({ to }: { to: string }): never {
  throw new Error(`nobody at home: ${to}`);
}
