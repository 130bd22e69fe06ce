import type { Client } from "@temporalio/client";
import proto from "@temporalio/proto";
import { type AdoptPolicies, adoptPolicyOf } from "../model/adopt-policy.ts";
import type { AdoptWhat, NotAdopted } from "../model/adopt.ts";
import type { DeadLetterPolicy } from "../model/contract.ts";
import { activityIdOf, jobWorkflowIdOf, letterWorkflowId, longestIdBytes, reservedTypes } from "../model/ids.ts";
import type { Db } from "../schema/database.ts";
import { jobTypes, type KnownDeath, type KnownId, knownIds } from "../schema/known-runs.ts";
import type { FoundRun } from "./found-run.ts";
import { isGone } from "./read-run-end.ts";

export type JudgeNeeds = {
  readonly db: Db;
  readonly client: Client;
  /** The office's own. */
  readonly taskQueue: string;
  readonly policies: AdoptPolicies;
};

export type Verdict =
  | { readonly adopt: DeadLetterPolicy }
  | {
      readonly why: NotAdopted;
      /** Where it is `known`. */
      readonly death?: KnownDeath;
      /** Where it is `refused`. */
      readonly said?: string;
    };

/** Says of each of these runs whether it is to be adopted, and why not. Asks Temporal only of what the tables leave open. */
export async function judgeRuns(
  needs: JudgeNeeds,
  what: AdoptWhat,
  runs: readonly FoundRun[],
): Promise<(run: FoundRun) => Promise<Verdict>> {
  const { db, client } = needs;
  const known = await knownIds(db, client.options.namespace, [...new Set(runs.map(({ jobId }) => jobId))]);
  const jobs =
    what === "activities" ? new Set<string>() : await jobTypes(db, [...new Set(runs.map(({ type }) => type))]);
  return async (run) => {
    const id = known.get(run.jobId);
    const plain = judgeByRow(needs, run, id, jobs);
    if ("why" in plain) return plain;
    const latest = await latestRun(client, what, run);
    const why = whyOf(run, latest);
    return why === undefined ? plain : { why };
  };
}

function judgeByRow(
  { taskQueue, policies }: JudgeNeeds,
  run: FoundRun,
  id: KnownId | undefined,
  jobs: ReadonlySet<string>,
): Verdict {
  const death = id?.deaths.get(run.runId);
  if (death !== undefined) return { why: death.kind === "job" ? "job" : "known", death };
  const isOurs =
    run.taskQueue === taskQueue ||
    (reservedTypes as readonly string[]).includes(run.type) ||
    (run.parentId !== undefined && jobWorkflowIdOf(run.parentId) !== undefined);
  if (isOurs) return { why: "ours" };
  if (run.isMarked || id?.isJob === true || jobs.has(run.type)) return { why: "job" };
  if (run.parentId !== undefined) return { why: "child" };
  // Its end is its letter's to record.
  if (id?.isRetrying === true) return { why: "retrying" };
  const policy = adoptPolicyOf(policies, run.type);
  if (policy === false) return { why: "policy" };
  if (Buffer.byteLength(letterWorkflowId(run.jobId)) > longestIdBytes)
    return { why: "refused", said: "its id is so long that Temporal takes no letter's id made of it" };
  return { adopt: policy };
}

/** Undefined: Temporal has forgotten it. */
type Latest = { readonly runId: string; readonly isRunning: boolean; readonly isCompleted: boolean } | undefined;

function whyOf(run: FoundRun, latest: Latest): NotAdopted | undefined {
  if (latest === undefined || latest.runId === run.runId) return undefined;
  return latest.isRunning ? "running" : latest.isCompleted ? "completed" : "older";
}

/** The id's latest run: a workflow with a retry policy, or one that continued as new, has a row for each. */
async function latestRun(client: Client, what: AdoptWhat, { jobId }: FoundRun): Promise<Latest> {
  const { workflowService, options } = client;
  const { namespace } = options;
  try {
    if (what === "activities") {
      const { info } = await workflowService.describeActivityExecution({ namespace, activityId: activityIdOf(jobId) });
      const is = (status: number) => info?.status === status;
      return {
        runId: info?.runId ?? "",
        isRunning: is(ActivityExecutionStatus.ACTIVITY_EXECUTION_STATUS_RUNNING),
        isCompleted: is(ActivityExecutionStatus.ACTIVITY_EXECUTION_STATUS_COMPLETED),
      };
    }
    const { workflowExecutionInfo: info } = await workflowService.describeWorkflowExecution({
      namespace,
      execution: { workflowId: jobId },
    });
    return {
      runId: info?.execution?.runId ?? "",
      // It may be paused: whatever is not closed.
      isRunning: !info?.closeTime,
      isCompleted: info?.status === WorkflowExecutionStatus.WORKFLOW_EXECUTION_STATUS_COMPLETED,
    };
  } catch (error) {
    if (isGone(error)) return undefined;
    throw error;
  }
}

const { WorkflowExecutionStatus, ActivityExecutionStatus } = proto.temporal.api.enums.v1;
