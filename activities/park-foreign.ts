import type { Death } from "../model/death.ts";
import type { DeadLetterPolicy } from "../model/contract.ts";
import { type ParkedDeath, type ParkedLetter, parkDeath } from "../schema/park-death.ts";
import { filedUnder } from "./filed-under.ts";
import { type ForeignRun, foreignInput, foreignSource } from "./foreign-run.ts";
import type { OfficeNeeds } from "./office-needs.ts";
import { runDeath } from "./run-death.ts";

export type ForeignDeath = {
  readonly run: ForeignRun;
  /** Its id, as its letter is called by it. */
  readonly jobId: string;
  readonly runId: string;
  readonly death: Death;
  readonly policy: DeadLetterPolicy;
  /** The adoption that found it. Absent: it is brought back, and nobody knows any more. */
  readonly adoption?: string;
};

/** Writes the death of a run of other make to its letter, or to a new one. Safe to repeat. */
export async function parkForeign(needs: OfficeNeeds, found: ForeignDeath): Promise<ParkedLetter> {
  return await parkDeath(needs.db, await foreignToPark(needs, found));
}

/** All that the tables need of it. */
export async function foreignToPark(needs: OfficeNeeds, found: ForeignDeath): Promise<ParkedDeath> {
  const { run, jobId, runId, death, policy, adoption } = found;
  const filed = filedUnder(needs, policy);
  const queue = needs.queues[filed.queue];
  return {
    ...runDeath(
      {
        namespace: needs.client.options.namespace,
        ...{ workflowId: jobId, runId, job: run.type, queue: filed.queue, startedAt: run.startedAt },
      },
      death,
      needs.fingerprint,
    ),
    ...(await foreignInput(run, jobId, queue, needs)),
    ...{ kind: run.kind, job: run.type, workflowType: run.type, taskQueue: run.taskQueue },
    ...(run.startedBy === undefined ? {} : { startedBy: run.startedBy }),
    source: { ...(adoption === undefined ? {} : { adoption }), ...(await foreignSource(run, queue, needs)) },
    ...filed,
  };
}
