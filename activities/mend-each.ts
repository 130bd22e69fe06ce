import { WorkflowNotFoundError } from "@temporalio/client";
import { ApplicationFailure, CancelledFailure } from "@temporalio/common";
import { errorCodeOf } from "../model/office-error.ts";
import type { Finding, FoundItem } from "../model/reconcile.ts";
import { grpcAnswer } from "../model/grpc-answer.ts";
import { inLanes } from "./in-lanes.ts";
import { lanes, type Reconciling } from "./reconciling.ts";

/**
 * Works on each suspect. One that cannot be mended is told with the reason, and holds nobody up; where Postgres or Temporal does not
 * answer, all of it is tried again.
 *
 * @param suspected what it is most likely to be, and of which job id
 */
export async function mendEach<Suspect>(
  { asked, beat }: Reconciling,
  suspects: readonly Suspect[],
  suspected: (suspect: Suspect) => { readonly finding: Finding; readonly workflowId: string },
  mend: (suspect: Suspect) => Promise<FoundItem | undefined>,
): Promise<FoundItem[]> {
  const items = await inLanes(suspects, lanes, async (suspect) => {
    beat();
    try {
      return await mend(suspect);
    } catch (error) {
      if (isGone(error)) return undefined;
      if (mayPass(error)) throw error;
      const why = error instanceof Error ? error.message : String(error);
      return {
        ...suspected(suspect),
        mended: false,
        said: `${asked.dryRun ? "cannot" : "could not"} be mended: ${why}`,
      };
    }
  });
  return items.flatMap((item) => item ?? []);
}

/** Temporal has forgotten it meanwhile. */
function isGone(error: unknown): boolean {
  return error instanceof WorkflowNotFoundError || grpcAnswer(error)?.code === notFound;
}

/** Of Temporal's errors those pass that say nothing of what was asked; of Postgres's those that are no refusal. */
function mayPass(error: unknown): boolean {
  if (error instanceof CancelledFailure) return true;
  const answer = grpcAnswer(error);
  if (answer !== undefined) return !isAboutTheAsk.includes(answer.code);
  const code = error instanceof ApplicationFailure ? errorCodeOf({ code: error.type }) : errorCodeOf(error);
  return code !== undefined && code !== "DATABASE_ERROR";
}

/** By gRPC's own numbers. */
const notFound = 5;
/** INVALID_ARGUMENT, FAILED_PRECONDITION, OUT_OF_RANGE. */
const isAboutTheAsk = [3, 9, 11];
