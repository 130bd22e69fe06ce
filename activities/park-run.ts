import type { DeadLetterPolicy } from "../model/contract.ts";
import type { Death } from "../model/death.ts";
import { type ParkedDeath, type ParkedLetter, parkDeath } from "../schema/park-death.ts";
import { filedUnder } from "./filed-under.ts";
import type { OfficeNeeds } from "./office-needs.ts";
import { readRun } from "./read-run.ts";
import { runDeath } from "./run-death.ts";
import { runInput } from "./run-input.ts";
import { translated } from "./translated.ts";

/** A death of a job's run, and what its contract says of such. */
export type RunToPark = {
  readonly death: Death;
  readonly policy: DeadLetterPolicy;
  /** Of the letter whose row is lost. @default a new one */
  readonly letterId?: string;
  /** Why it is recorded only now. */
  readonly found?: string;
};

export type ParkingNeeds = Pick<
  OfficeNeeds,
  "db" | "client" | "codecs" | "queues" | "defaults" | "redact" | "fingerprint"
>;

/** Writes the death of a job's run, with the input from its history, to the job's open letter or a new one. Safe to repeat. */
export async function parkRun(needs: ParkingNeeds, run: RunRef, told: RunToPark): Promise<ParkedLetter> {
  const death = await runToPark(needs, run, told);
  return await translated(async () => parkDeath(needs.db, death));
}

type RunRef = { readonly workflowId: string; readonly runId: string };

/** All that the tables need of it, read from its history. */
export async function runToPark(
  needs: ParkingNeeds,
  { workflowId, runId }: RunRef,
  { death, policy, letterId, found }: RunToPark,
): Promise<ParkedDeath> {
  const { client } = needs;
  const filed = filedUnder(needs, policy, death.queue);
  const run = await readRun(client, workflowId, runId);
  const job = run.workflowType;
  const dying = {
    ...{ namespace: client.options.namespace, workflowId, runId, job, queue: filed.queue },
    startedAt: run.startedAt,
  };
  return {
    ...runDeath(dying, death, needs.fingerprint),
    ...(await runInput(run, workflowId, needs.queues[filed.queue], needs)),
    ...(death.key === undefined ? {} : { key: death.key }),
    ...(found === undefined ? {} : { found }),
    ...(letterId === undefined ? {} : { letterId }),
    kind: "job",
    job,
    workflowType: run.workflowType,
    taskQueue: run.taskQueue,
    ...(run.startedBy === undefined ? {} : { startedBy: run.startedBy }),
    ...filed,
  };
}
