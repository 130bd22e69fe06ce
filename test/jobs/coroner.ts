import type { Job } from "../../model/index.ts";
import type { StartOptions } from "../../client/index.ts";
import type { World } from "../setup/world.ts";

/** Starts a job, waits until it has died, and gives its letter with all that is told of this death. */
export async function dieOf<Input>(world: World, job: Job<Input>, input: Input, options?: StartOptions) {
  const run = await world.dlo.start(job, input, options);
  return await inquest(world, run.workflowId);
}

/** What a job's letter tells, once the job has died. */
export async function inquest({ dlo }: World, workflowId: string) {
  const outcome = await dlo.temporal.workflow
    .getHandle(workflowId)
    .result()
    .then(
      (result: unknown) => result,
      (error: unknown) => error,
    );
  if (!isDeadLettered(outcome)) throw new Error(`${workflowId} did not end as a dead letter`, { cause: outcome });
  const letter = await dlo.letters.get(workflowId);
  const { deaths, events } = await dlo.letters.story(letter.id);
  const death = deaths.at(-1)!;
  return { letter, death, attempts: death.attemptRows, events };
}

/** The types of a run's history events, in order. */
export async function eventTypes({ dlo }: World, workflowId: string): Promise<string[]> {
  const { events } = await dlo.temporal.workflow.getHandle(workflowId).fetchHistory();
  return (events ?? []).map(({ eventType }) => String(eventType));
}

/** A promise, and what settles it: tests and handlers wait for one another by it. */
export function gate(): { readonly opened: Promise<void>; open(): void } {
  let open = () => {};
  const opened = new Promise<void>((resolve) => (open = resolve));
  return { opened, open: () => open() };
}

function isDeadLettered(outcome: unknown): boolean {
  const cause = outcome instanceof Error ? outcome.cause : undefined;
  return (cause as { type?: string } | undefined)?.type === "DeadLettered";
}
