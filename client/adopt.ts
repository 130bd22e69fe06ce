import { setTimeout as pause } from "node:timers/promises";
import {
  type Client,
  isGrpcServiceError,
  WorkflowExecutionAlreadyStartedError,
  WorkflowFailedError,
  type WorkflowHandle,
} from "@temporalio/client";
import { ApplicationFailure, CancelledFailure } from "@temporalio/common";
import { v7 as uuidv7 } from "uuid";
import { type Adoption, adoptKeys, type AdoptOptions, failedOnes, readAdoption } from "../model/adopt.ts";
import type { AdoptOutcome } from "../model/adopt-activities.ts";
import { adoptType, adoptWorkflowId, defaultOffice } from "../model/ids.ts";
import { errorCodeOf, officeErrorOf, usage } from "../model/office-error.ts";
import { unknownWord } from "../model/suggest.ts";

export type StartAdoptOptions = AdoptOptions & {
  /** The office that adopts. @default "dead-letter-office" */
  readonly office?: string;
};

/**
 * Makes dead letters of failed, timed-out and terminated workflows that this project did not write, and waits until that is done.
 * With `dryRun` it says which, and which not and why not. The office does it, with its own configuration; it goes on where the caller
 * goes away.
 *
 * A repeat adopts nothing twice.
 *
 * @throws {OfficeError} `USAGE`, also where Temporal cannot read the query; `WAIT_TIMEOUT` where no office begins it, and then none
 *   does later; `JOB_CANCELLED` where somebody cancelled it
 */
export type AdoptRuns = (options: StartAdoptOptions) => Promise<AdoptOutcome>;

/** How long an office may take to begin. */
const officeMs = 20_000;

export function adoptOf(temporal: Client): AdoptRuns {
  const { identity } = temporal.options;
  return async (given) => {
    const known = [...adoptKeys, "office"];
    for (const key of Object.keys(given))
      if (!known.includes(key)) throw usage(unknownWord("adopt option", key, known));
    const { office = defaultOffice, ...options } = given;
    const asked = readAdoption(options, { id: uuidv7(), by: identity ?? "unknown", atMs: Date.now() });
    await checkQuery(temporal, asked);
    return await ended(await startWorkflow(temporal, office, asked, options), asked.id);
  };
}

/**
 * Asks Temporal whether it can read the query, by itself and as a part of what is asked.
 *
 * @throws {OfficeError} `USAGE` with what the server says
 */
export async function checkQuery(temporal: Client, { query, what }: Pick<Adoption, "query" | "what">): Promise<void> {
  const { workflowService, options } = temporal;
  const { namespace } = options;
  for (const asked of [query, failedOnes(query)])
    try {
      const ask = { namespace, query: asked };
      await (what === "workflows"
        ? workflowService.countWorkflowExecutions(ask)
        : workflowService.countActivityExecutions(ask));
    } catch (error) {
      if (!isGrpcServiceError(error)) throw error;
      // A server without standalone activities: the office says it.
      if (error.code === unimplemented) return;
      if (error.code !== invalidArgument) throw error;
      throw usage(`Temporal cannot read the query "${query}": ${error.details}`);
    }
}

/** gRPC's numbers. */
const [invalidArgument, unimplemented] = [3, 12];

async function startWorkflow(temporal: Client, office: string, asked: Adoption, options: AdoptOptions) {
  const workflowId = adoptWorkflowId(asked.id);
  try {
    return await temporal.workflow.start(adoptType, {
      workflowId,
      taskQueue: office,
      workflowIdReusePolicy: "REJECT_DUPLICATE",
      // Read once more by the office: what a newer client knows, an older office refuses.
      args: [{ ...options, id: asked.id, by: asked.by }],
      staticSummary: `${asked.dryRun ? "count" : "adopt"} ${asked.what}: ${asked.query}`.slice(0, 200),
    });
  } catch (error) {
    // The same id again: the first one counts.
    if (error instanceof WorkflowExecutionAlreadyStartedError) return temporal.workflow.getHandle(workflowId);
    throw error;
  }
}

async function ended(handle: WorkflowHandle, id: string): Promise<AdoptOutcome> {
  const over = new AbortController();
  const answer = (handle.result() as Promise<AdoptOutcome>).finally(() => over.abort());
  answer.catch(() => undefined);
  await pause(officeMs, undefined, { signal: over.signal }).catch(() => undefined);
  if (!over.signal.aborted && !(await isBegun(handle))) {
    await handle.terminate("no office began it in time");
    throw officeErrorOf(
      "WAIT_TIMEOUT",
      `No office has begun to adopt within ${officeMs / 1000} seconds, so nothing was adopted. Is one running? (dlo office, or dlo dev)`,
      { id },
    );
  }
  try {
    return await answer;
  } catch (error) {
    throw translate(error, id);
  }
}

/** Its first task was done: more than its start and that task's wait stand in its history. */
async function isBegun(handle: WorkflowHandle): Promise<boolean> {
  return (await handle.describe()).historyLength > 2;
}

function translate(error: unknown, id: string): unknown {
  if (!(error instanceof WorkflowFailedError)) return error;
  if (error.cause instanceof CancelledFailure)
    return officeErrorOf(
      "JOB_CANCELLED",
      `Adoption ${id} was cancelled. How many it had adopted by then is in dlo.adoptions`,
      { id },
    );
  const code = error.cause instanceof ApplicationFailure ? errorCodeOf({ code: error.cause.type }) : undefined;
  return code === undefined ? error : officeErrorOf(code, error.cause?.message ?? "", { id }, { cause: error });
}
