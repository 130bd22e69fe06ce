import { type Client, isGrpcServiceError, type WorkflowHandle } from "@temporalio/client";
import { v7 as uuidv7 } from "uuid";
import { type Adoption, adoptKeys, type AdoptOptions, failedOnes, readAdoption } from "../model/adopt.ts";
import type { AdoptOutcome } from "../model/adopt-activities.ts";
import { adoptType, adoptWorkflowId, defaultOffice } from "../model/ids.ts";
import { usage } from "../model/office-error.ts";
import { unknownWord } from "../model/suggest.ts";
import { runInOffice } from "./run-in-office.ts";

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

export function adoptOf(temporal: Client): AdoptRuns {
  const { identity } = temporal.options;
  return async (given) => {
    const known = [...adoptKeys, "office"];
    for (const key of Object.keys(given))
      if (!known.includes(key)) throw usage(unknownWord("adopt option", key, known));
    const { office = defaultOffice, ...options } = given;
    const asked = readAdoption(options, { id: uuidv7(), by: identity ?? "unknown", atMs: Date.now() });
    await checkQuery(temporal, asked);
    return await runInOffice<AdoptOutcome, number>(temporal, {
      ...{ type: adoptType, workflowId: adoptWorkflowId(asked.id), office, id: asked.id },
      options: { ...options, id: asked.id, by: asked.by },
      summary: `${asked.dryRun ? "count" : "adopt"} ${asked.what}: ${asked.query}`,
      ...{ verb: "adopt", table: "dlo.adoptions" },
      findRow: begun,
      onRow: () => undefined,
    });
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

/** Its first task was done: more than its start and that task's wait stand in its history. */
async function begun(handle: WorkflowHandle): Promise<number | undefined> {
  const { historyLength } = await handle.describe();
  return historyLength > 2 ? historyLength : undefined;
}
