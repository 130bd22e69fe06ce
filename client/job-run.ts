import { type Client, WorkflowFailedError } from "@temporalio/client";
import { ApplicationFailure, CancelledFailure } from "@temporalio/common";
import { type DeadLettered, deadLetteredType } from "../model/death.ts";
import { letterWorkflowId } from "../model/ids.ts";
import type { LetterState } from "../model/letter-state.ts";
import { officeErrorOf } from "../model/office-error.ts";

/** A job that was started. */
export type JobRun = {
  readonly workflowId: string;
  readonly runId: string;
  /**
   * Waits for the job's result.
   *
   * `until: "death"` fails when the job dies. `until: "closed"` waits through it, for as long as its letter is open:
   * days, where somebody has to mend something first.
   *
   * @default { until: "death" }
   * @throws {OfficeError} `JOB_DIED` with `letterId`; `LETTER_CLOSED` where the letter was closed without a success;
   *   `JOB_CANCELLED`
   */
  result<Result = unknown>(options?: { readonly until?: "death" | "closed" }): Promise<Result>;
};

/** A handle on a run that is there already. */
export function jobRun(client: Client, workflowId: string, runId: string): JobRun {
  return {
    workflowId,
    runId,
    async result<Result>({ until = "death" }: { readonly until?: "death" | "closed" } = {}) {
      try {
        return (await client.workflow.getHandle(workflowId, runId).result()) as Result;
      } catch (error) {
        const letterId = letterOf(error);
        if (letterId === undefined) throw translate(error, workflowId);
        if (until === "death")
          throw officeErrorOf(
            "JOB_DIED",
            `${workflowId} died: dead letter ${letterId}`,
            { workflowId, letterId },
            { cause: error },
          );
        return await resultOfLetter<Result>(client, workflowId);
      }
    },
  };
}

async function resultOfLetter<Result>(client: Client, workflowId: string): Promise<Result> {
  const letter = (await client.workflow.getHandle(letterWorkflowId(workflowId)).result()) as LetterState;
  if (letter.status === "recovered" || letter.status === "superseded")
    return (await client.workflow.getHandle(workflowId).result()) as Result;
  throw officeErrorOf(
    "LETTER_CLOSED",
    `${workflowId} died, and its dead letter ${letter.letterId} was closed: ${letter.status}`,
    {
      workflowId,
      letterId: letter.letterId,
      status: letter.status,
    },
  );
}

/** The letter in which a job's failure ended, if it did. */
function letterOf(error: unknown): string | undefined {
  const cause = error instanceof WorkflowFailedError ? error.cause : undefined;
  if (!(cause instanceof ApplicationFailure) || cause.type !== deadLetteredType) return undefined;
  return (cause.details?.[0] as DeadLettered | undefined)?.letterId;
}

function translate(error: unknown, workflowId: string): unknown {
  if (error instanceof WorkflowFailedError && error.cause instanceof CancelledFailure)
    return officeErrorOf("JOB_CANCELLED", `${workflowId} was cancelled`, { workflowId }, { cause: error });
  return error;
}
