import { type Client, WorkflowNotFoundError } from "@temporalio/client";
import { letterWorkflowId } from "../model/ids.ts";
import type { LetterState } from "../model/letter-state.ts";

/** What there is of a letter's workflow. */
export type SeenLetter =
  /** It runs; or has ended as it should, with its letter closed. */
  | {
      readonly as: "running" | "closed";
      readonly state: LetterState;
      readonly runId: string;
      readonly closedAtMs?: number;
    }
  /** Somebody ended it, or it failed, and its letter has nobody to keep it. Its task queue was that of its office. */
  | { readonly as: "gone"; readonly closedAtMs?: number; readonly taskQueue?: string }
  /** It runs and does not answer: its record is being captured, or it waits for a newer office. It is to be left alone. */
  | { readonly as: "silent" };

/**
 * Looks at the workflow of a job's letter. One that runs is asked for its state, and one that has closed told it at its end.
 *
 * @param run of the workflow. @default the newest
 */
export async function lookAtLetter(client: Client, jobWorkflowId: string, run?: string): Promise<SeenLetter> {
  const workflowId = letterWorkflowId(jobWorkflowId);
  let described;
  try {
    described = await client.workflow.getHandle(workflowId, run).describe();
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return { as: "gone" };
    throw error;
  }
  const { runId, status, closeTime, taskQueue } = described;
  const handle = client.workflow.getHandle(workflowId, runId, { followRuns: false });
  const closed = closeTime === undefined ? {} : { closedAtMs: closeTime.getTime() };
  if (status.name === "COMPLETED")
    return { as: "closed", state: (await handle.result()) as LetterState, runId, ...closed };
  if (closeTime !== undefined) return { as: "gone", taskQueue, ...closed };
  try {
    return { as: "running", state: await handle.query<LetterState>("state"), runId };
  } catch {
    return { as: "silent" };
  }
}
