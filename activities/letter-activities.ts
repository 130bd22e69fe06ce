import { strict as assert } from "node:assert";
import { activityInfo, ApplicationFailure } from "@temporalio/activity";
import type { Codec } from "../model/config.ts";
import type { LetterActivities } from "../model/letter-activities.ts";
import { earlierDeathsHeader } from "../model/run-memo.ts";
import { policyChange } from "../model/policy-change.ts";
import { queuePolicy } from "../model/queue-policy.ts";
import { packSeed, type SeedPayload } from "../model/run-seed.ts";
import { isOpen } from "../model/status.ts";
import { beginRetry } from "../schema/begin-retry.ts";
import { lastDeathOf } from "../schema/letter-of-row.ts";
import { jobOf } from "../schema/job-of.ts";
import { policyOfLetter } from "../schema/policy-of-row.ts";
import { projectLetter } from "../schema/project-letter.ts";
import { readDead } from "../schema/read-dead.ts";
import { recordRetryDeath } from "../schema/record-death.ts";
import { argumentsOf } from "./arguments-of.ts";
import { askProbe, unknownProbe } from "./ask-probe.ts";
import { captureRecord } from "./capture-record.ts";
import { checkBuild } from "./check-build.ts";
import { followActivity, followOwnRun } from "./follow-own-run.ts";
import { followRun } from "./follow-run.ts";
import type { OfficeNeeds } from "./office-needs.ts";
import { parkRun } from "./park-run.ts";
import { jobDescriptions } from "./job-descriptions.ts";
import { pinRun } from "./pin-run.ts";
import { recordedEnd } from "./recorded-end.ts";
import { runDeath } from "./run-death.ts";
import { storedAmendment } from "./run-input.ts";
import { startAgain } from "./start-again.ts";
import { seedPayloads, storedMemo } from "./stored-payloads.ts";
import { tellLetter } from "./tell-letter.ts";
import { translated } from "./translated.ts";

/** The office's activities: what letters and dying jobs do to Postgres and to Temporal. Each is safe to repeat. */
export function letterActivities(needs: OfficeNeeds): LetterActivities {
  const { db, client } = needs;
  const descriptions = jobDescriptions();
  return {
    captureRecord: (ask) => captureRecord({ ...needs, descriptions }, ask),

    async parkDeadLetter({ version, policy, death }) {
      if (version !== 1)
        // Retried until an office is upgraded: the job waits, and nothing is lost.
        throw ApplicationFailure.retryable(
          `This office is older than the worker: it knows parkDeadLetter version 1, not ${String(version)}. Upgrade it`,
          "SCHEMA_TOO_NEW",
        );
      const { letter } = await parkRun(needs, dyingRun(), { death, policy });
      // A closed letter is that death's letter all the same, and needs no telling.
      if (letter.closedAt === null) await tellLetter(needs, letter);
      return { letterId: letter.id };
    },

    async beginRetry({ letterId, revision, event, automatic, amendment }) {
      const amended = await storedAmendment(amendment, needs);
      const begun = await translated(() =>
        beginRetry(db, { letterId, revision, event, ...(automatic && { automatic }), ...amended.stored }),
      );
      if (begun === undefined) throw noRow(letterId);
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
      const payloads = await portable(data, needs.codecs);
      const memo = await storedMemo(begun.memoData, needs.codecs);
      if (automatic !== true) return packSeed({ payloads, memo });
      const headers = { ...memo.headers, [earlierDeathsHeader]: JSON.stringify(begun.earlierDeaths) };
      return packSeed({ payloads, memo: { ...memo, headers } });
    },

    startAgain: async (ask) => await startAgain(needs, ask),

    async project({ amendment, ...projection }) {
      const like = await argumentsOf(needs, projection.letterId, amendment);
      const { stored } = await storedAmendment(amendment, needs, like);
      if (amendment !== undefined && stored.amendment?.payloadData === null)
        throw ApplicationFailure.nonRetryable(
          `Queue "${amendment.queue}" stores no payloads, so a new input cannot be kept: give it to a retry that begins at once`,
          "PAYLOAD_OMITTED",
        );
      return await awaitingRow(() => projectLetter(db, { ...projection, ...stored }));
    },

    async recordDeath({ letterId, workflowId, queue, revision, runId, redrive, expiresAtMs, ...record }) {
      const { death, input, startedAt } = await recordedEnd(needs, { workflowId, queue, runId, ...record });
      // Only rules ask for the job, which the letter's row has.
      const job = needs.fingerprint.length === 0 ? "" : await translated(() => jobOf(db, letterId));
      const recorded = await awaitingRow(async () =>
        recordRetryDeath(db, {
          ...runDeath(
            { namespace: client.options.namespace, workflowId, runId, job, queue, startedAt },
            death,
            needs.fingerprint,
          ),
          letterId,
          revision,
          expiresAtMs,
          ...(redrive === undefined ? {} : { redrive }),
          ...(input === undefined ? {} : { input }),
        }),
      );
      return { deaths: recorded.n, death: lastDeathOf({ ...recorded, failedAt: recorded.diedAt }) };
    },

    policyOf: async (queue) => queuePolicy(needs.queues[queue], needs.defaults),

    async probeSaysYes(name) {
      const why = await askProbe(needs.probes, name);
      if (why !== undefined) throw ApplicationFailure.retryable(why, "ProbeSaysNo");
    },

    checkProbe: async (name) => unknownProbe(needs.probes, name),

    async policyNow(letterId, revision) {
      const found = await awaitingRow(async () => {
        const policy = await policyOfLetter(db, letterId);
        if (policy === undefined) throw noRow(letterId);
        return policy;
      });
      const policy = queuePolicy(needs.queues[found.queue], needs.defaults, found.own);
      const isApplied = found.revision <= revision && policyChange(found.policy, policy) === undefined;
      return isApplied ? undefined : policy;
    },

    async readDead(letterId) {
      const found = await translated(() => readDead(db, letterId));
      if (found === undefined) return undefined;
      const { dead, payloadData, memoData } = found;
      const payloads = payloadData === null ? [] : await portable(payloadData, needs.codecs);
      const memo = await storedMemo(memoData, needs.codecs);
      const packed = packSeed({ payloads, memo, dead });
      // With input and error together it would pass through Temporal neither here nor on its way to the worker.
      return packed.length > largestSeedBytes ? packSeed({ payloads: [], memo, dead }) : packed;
    },

    followRun: async (ask) => {
      if (ask.runId !== undefined) return await followOwnRun(client, ask, ask.runId);
      return ask.kind === "activity" ? await followActivity(client, ask) : await followRun(client, ask);
    },

    checkBuild: (ask) => translated(() => checkBuild(client, ask)),

    pinRun: (ask) => pinRun(client, ask),
  };
}

/** A letter whose row is gone waits for a reconcile, which writes it anew: it must not fail as well. */
async function awaitingRow<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await translated(work);
  } catch (error) {
    if (!(error instanceof ApplicationFailure) || error.type !== "LETTER_NOT_FOUND") throw error;
    throw ApplicationFailure.retryable(`${error.message}. To bring it back: dlo reconcile`, error.type);
  }
}

/** Stored payloads, ready to be given to a run or an activity. */
async function portable(data: Uint8Array, codecs: readonly Codec[]): Promise<SeedPayload[]> {
  const payloads = await seedPayloads(data, codecs);
  const bytes = payloads.reduce((sum, part) => sum + part.data.length, 0);
  if (activityInfo().isLocal && bytes > largestLocalBytes)
    // Together with what they are for they would not fit into one answer to Temporal; a regular activity has its own.
    throw ApplicationFailure.retryable(`${bytes} bytes are too many for a local activity`, "TooLarge");
  return payloads;
}

function noRow(letterId: string): ApplicationFailure {
  return ApplicationFailure.nonRetryable(`Dead letter ${letterId} has no row in this database`, "LETTER_NOT_FOUND");
}

/** Temporal takes 2 MiB for the arguments of an activity. */
const largestSeedBytes = 2_000_000;

/** Temporal takes 4 MiB an answer, and a child's start repeats the input. */
const largestLocalBytes = 1_000_000;

/** The run that called: this is its compensation. */
function dyingRun(): { workflowId: string; runId: string } {
  const { workflowExecution } = activityInfo();
  assert(workflowExecution, "parkDeadLetter is called by a job's workflow");
  return workflowExecution;
}
