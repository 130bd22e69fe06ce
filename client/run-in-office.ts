import { setTimeout as pause } from "node:timers/promises";
import {
  type Client,
  WorkflowExecutionAlreadyStartedError,
  WorkflowFailedError,
  type WorkflowHandle,
} from "@temporalio/client";
import { ApplicationFailure, CancelledFailure } from "@temporalio/common";
import { errorCodeOf, officeErrorOf } from "../model/office-error.ts";
import { summaryLine } from "../model/summary-line.ts";

/** Long work that an office does as a workflow, and that tells how far it has come. */
export type OfficeWork<Row> = {
  readonly type: string;
  readonly workflowId: string;
  readonly office: string;
  readonly options: object;
  readonly summary: string;
  /** As it follows "No office has begun to", such as `prune`. */
  readonly verb: string;
  /** Where it tells of itself, such as `dlo.prunes`. */
  readonly table: string;
  readonly id: string;
  /** Undefined: the office has not begun. */
  readonly findRow: (handle: WorkflowHandle) => Promise<Row | undefined>;
  /** Is told of the row at most twice a second. */
  readonly onRow: (row: Row) => void;
};

/** How long an office may take to begin. */
const officeMs = 20_000;
/** Between two looks at its row. */
const [firstLookMs, lookMs] = [100, 500];

/**
 * Starts the work and waits for its outcome. The office goes on where the caller goes away. The same id again is the same work.
 *
 * @throws {OfficeError} `WAIT_TIMEOUT` where no office begins it, and then none does later; `JOB_CANCELLED` where somebody cancelled it
 */
export async function runInOffice<Outcome, Row>(temporal: Client, work: OfficeWork<Row>): Promise<Outcome> {
  const handle = await start(temporal, work);
  const over = new AbortController();
  const answer = (handle.result() as Promise<Outcome>).finally(() => over.abort());
  // It is waited for below, but a look at the database may fail first.
  answer.catch(() => undefined);
  const until = Date.now() + officeMs;
  for (let waitMs = firstLookMs; ; waitMs = lookMs) {
    await pause(waitMs, undefined, { signal: over.signal }).catch(() => undefined);
    if (over.signal.aborted) break;
    const row = await work.findRow(handle);
    if (row === undefined && Date.now() > until) {
      await handle.terminate("no office began it in time");
      throw officeErrorOf(
        "WAIT_TIMEOUT",
        `No office has begun to ${work.verb} within ${officeMs / 1000} seconds, so nothing was changed. Is one running? (dlo office, or dlo dev)`,
        { id: work.id },
      );
    }
    if (row !== undefined) work.onRow(row);
  }
  try {
    return await answer;
  } catch (error) {
    throw translate(error, work);
  }
}

async function start<Row>(temporal: Client, work: OfficeWork<Row>): Promise<WorkflowHandle> {
  const { type, workflowId, office, options, summary } = work;
  try {
    return await temporal.workflow.start(type, {
      workflowId,
      taskQueue: office,
      workflowIdReusePolicy: "REJECT_DUPLICATE",
      // Read once more by the office: what a newer client knows, an older office refuses.
      args: [options],
      staticSummary: summaryLine(summary),
    });
  } catch (error) {
    // The same id again: the first one counts.
    if (error instanceof WorkflowExecutionAlreadyStartedError) return temporal.workflow.getHandle(workflowId);
    throw error;
  }
}

function translate<Row>(error: unknown, { id, verb, table }: OfficeWork<Row>): unknown {
  if (!(error instanceof WorkflowFailedError)) return error;
  if (error.cause instanceof CancelledFailure)
    return officeErrorOf(
      "JOB_CANCELLED",
      `The ${verb} ${id} was cancelled. How far it had come by then is in ${table}`,
      { id },
    );
  const code = error.cause instanceof ApplicationFailure ? errorCodeOf({ code: error.cause.type }) : undefined;
  return code === undefined ? error : officeErrorOf(code, error.cause?.message ?? "", { id }, { cause: error });
}
