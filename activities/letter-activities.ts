import { strict as assert } from "node:assert";
import { activityInfo, ApplicationFailure } from "@temporalio/activity";
import type { Client } from "@temporalio/client";
import type { Codec, QueueOptions } from "../model/config.ts";
import { parseRetention } from "../model/contract.ts";
import type { LetterActivities } from "../model/letter-activities.ts";
import { expiryFrom } from "../model/letter-state.ts";
import { errorCodeOf } from "../model/office-error.ts";
import type { KeepingDefaults } from "../model/resolve-contract.ts";
import { packSeed } from "../model/run-seed.ts";
import { isOpen } from "../model/status.ts";
import type { SearchAttribute } from "../model/search-attributes.ts";
import { beginRetry } from "../schema/begin-retry.ts";
import type { Db } from "../schema/database.ts";
import { parkDeath } from "../schema/park-death.ts";
import { projectLetter } from "../schema/project-letter.ts";
import { recordRetryDeath } from "../schema/record-death.ts";
import { followRun } from "./follow-run.ts";
import { lastDeathOf } from "./letter-of-row.ts";
import { readRun } from "./read-run.ts";
import { endedDeath, runDeath } from "./run-death.ts";
import { runInput, storedAmendment } from "./run-input.ts";
import { seedPayloads, storedMemo } from "./stored-payloads.ts";
import { tellLetter } from "./tell-letter.ts";

/** What the office's activities need. */
export type OfficeNeeds = {
  readonly db: Db;
  readonly client: Client;
  readonly codecs: readonly Codec[];
  readonly queues: Readonly<Record<string, QueueOptions>>;
  readonly defaults: KeepingDefaults;
  readonly redact: readonly string[];
  /** Those that the namespace has registered. */
  readonly searchAttributes: readonly SearchAttribute[];
  /** The office's task queue. */
  readonly taskQueue: string;
};

/** The office's activities: what letters and dying jobs do to Postgres and to Temporal. Each is safe to repeat. */
export function letterActivities(needs: OfficeNeeds): LetterActivities {
  const { db, client } = needs;
  return {
    async parkDeadLetter({ version, policy, death }) {
      if (version !== 1)
        // Retried until an office is upgraded: the job waits, and nothing is lost.
        throw ApplicationFailure.retryable(
          `This office is older than the worker: it knows parkDeadLetter version 1, not ${String(version)}. Upgrade it`,
          "SCHEMA_TOO_NEW",
        );
      const { workflowId, runId } = dyingRun();
      const queue = needs.queues[policy.queue];
      const run = await readRun(client, workflowId, runId);
      const retentionMs = policy.retentionMs ?? span(queue?.retention) ?? needs.defaults.retentionMs.value;
      const { letter } = await translated(async () =>
        parkDeath(db, {
          ...runDeath({ namespace: client.options.namespace, workflowId, runId }, death, run.startedAt),
          ...(await runInput(run, workflowId, queue, needs)),
          ...(death.key === undefined ? {} : { key: death.key }),
          kind: "job",
          job: run.workflowType,
          workflowType: run.workflowType,
          taskQueue: run.taskQueue,
          ...(run.startedBy === undefined ? {} : { startedBy: run.startedBy }),
          queue: policy.queue,
          tags: policy.tags,
          retentionMs,
          keepForMs: policy.keepForMs ?? span(queue?.keepFor) ?? needs.defaults.keepForMs.value,
          onExpire: policy.onExpire,
          maximumRetries: policy.maximumRetries,
          expiresAtMs: expiryFrom(Date.now(), retentionMs),
        }),
      );
      // A closed letter is that death's letter all the same, and needs no telling.
      if (letter.closedAt === null) await tellLetter(needs, letter);
      return { letterId: letter.id };
    },

    async beginRetry({ letterId, revision, event, amendment }) {
      const amended = await storedAmendment(amendment, needs);
      const begun = await translated(() => beginRetry(db, { letterId, revision, event, ...amended.stored }));
      if (begun === undefined)
        throw ApplicationFailure.nonRetryable(
          `Dead letter ${letterId} has no row in this database`,
          "LETTER_NOT_FOUND",
        );
      if (!isOpen(begun.status))
        // A late repeat of a death can begin a letter again after it was closed: its job must not run once more.
        throw ApplicationFailure.nonRetryable(
          `Dead letter ${letterId} is closed (${begun.status}) and takes no more commands`,
          "LETTER_CLOSED",
        );
      const data = amended.encoded ?? begun.payloadData;
      if (data === null)
        throw ApplicationFailure.nonRetryable(
          `Dead letter ${letterId} was stored without its payload: its retry needs an input`,
          "PAYLOAD_OMITTED",
        );
      const payloads = await seedPayloads(data, needs.codecs);
      const bytes = payloads.reduce((sum, part) => sum + part.data.length, 0);
      if (activityInfo().isLocal && bytes > largestLocalBytes)
        // Together with the child's start it would not fit into one answer to Temporal; a regular activity has its own.
        throw ApplicationFailure.retryable(`${bytes} bytes are too many for a local activity`, "TooLarge");
      return packSeed({ payloads, memo: await storedMemo(begun.memoData, needs.codecs) });
    },

    async project({ amendment, ...projection }) {
      const { stored } = await storedAmendment(amendment, needs);
      if (amendment !== undefined && stored.amendment?.payloadData === null)
        throw ApplicationFailure.nonRetryable(
          `Queue "${amendment.queue}" stores no payloads, so a new input cannot be kept: give it to a retry that begins at once`,
          "PAYLOAD_OMITTED",
        );
      return await translated(() => projectLetter(db, { ...projection, ...stored }));
    },

    async recordDeath({ letterId, workflowId, queue, revision, runId, death, ownRun, expiresAtMs, atMs }) {
      // A run that the letter started had the row's own input.
      const run = ownRun ? undefined : await readRun(client, workflowId, runId);
      const told = "ended" in death ? endedDeath(death.ended, atMs) : death;
      const recorded = await translated(async () =>
        recordRetryDeath(db, {
          ...runDeath({ namespace: client.options.namespace, workflowId, runId }, told, run?.startedAt),
          letterId,
          revision,
          expiresAtMs,
          ...(run === undefined ? {} : { input: await runInput(run, workflowId, needs.queues[queue], needs) }),
        }),
      );
      return { deaths: recorded.n, death: lastDeathOf({ ...recorded, failedAt: recorded.diedAt }) };
    },

    followRun: (ask) => followRun(client, ask),
  };
}

/** Temporal takes 4 MiB an answer, and a child's start repeats the input. */
const largestLocalBytes = 1_000_000;

/** The run that called: this is its compensation. */
function dyingRun(): { workflowId: string; runId: string } {
  const { workflowExecution } = activityInfo();
  assert(workflowExecution, "parkDeadLetter is called by a job's workflow");
  return workflowExecution;
}

function span(value: QueueOptions["retention"]): number | "indefinite" | undefined {
  return value === undefined ? undefined : parseRetention(value, "retention");
}

/** Errors of ours keep their code as the failure's type, which is what a workflow can match on. */
async function translated<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const code = errorCodeOf(error);
    if (code === undefined || !(error instanceof Error)) throw error;
    throw ApplicationFailure.create({ message: error.message, type: code, nonRetryable: code === "LETTER_NOT_FOUND" });
  }
}
