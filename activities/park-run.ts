import type { DeadLetterPolicy } from "../model/contract.ts";
import type { Death } from "../model/death.ts";
import { expiryFrom } from "../model/letter-state.ts";
import { ownPolicy, queuePolicy, unlessSaid } from "../model/queue-policy.ts";
import { type ParkedDeath, type ParkedLetter, parkDeath } from "../schema/park-death.ts";
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
  const queueName = death.queue ?? policy.queue;
  const queue = needs.queues[queueName];
  const run = await readRun(client, workflowId, runId);
  // Filed elsewhere by its job's own policy, that queue's rules go before the contract's.
  const own = death.queue === undefined ? ownPolicy(policy) : unlessSaid(policy, queue);
  const rules = queuePolicy(queue, needs.defaults, own);
  const job = run.workflowType;
  const dying = {
    ...{ namespace: client.options.namespace, workflowId, runId, job, queue: queueName },
    startedAt: run.startedAt,
  };
  return {
    ...runDeath(dying, death, needs.fingerprint),
    ...(await runInput(run, workflowId, queue, needs)),
    ...(death.key === undefined ? {} : { key: death.key }),
    ...(found === undefined ? {} : { found }),
    ...(letterId === undefined ? {} : { letterId }),
    kind: "job",
    job,
    workflowType: run.workflowType,
    taskQueue: run.taskQueue,
    ...(run.startedBy === undefined ? {} : { startedBy: run.startedBy }),
    queue: queueName,
    tags: policy.tags,
    policy: rules,
    ownPolicy: own,
    ...(policy.supersededBy === undefined ? {} : { supersededBy: policy.supersededBy }),
    expiresAtMs: expiryFrom(Date.now(), rules.retentionMs),
  };
}
