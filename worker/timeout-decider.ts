import { strict as assert } from "node:assert";
import { activityInfo } from "@temporalio/activity";
import { classify } from "../model/classify.ts";
import type { Failure, FailureHistory } from "../model/failure-policy.ts";
import type { HandledJob } from "../model/job.ts";
import { countedAttempts } from "../model/ledger.ts";
import type { TimeoutActivities, TimeoutQuestion, TimeoutVerdict } from "../model/timeout-question.ts";
import { decisionOn, extraOf, ignored, type Policy } from "./ask-policy.ts";
import { parsedInput } from "./parsed-input.ts";
import { skipped } from "./skip-job.ts";

/** The built-in activity of every job worker: a job's workflow asks it about a death of which no attempt could tell. */
export function timeoutDecider(jobs: readonly HandledJob[]): TimeoutActivities {
  const byName = new Map(jobs.map((handled) => [handled.job.name, handled]));
  return {
    async decideTimeout(input, question) {
      const handled = byName.get(question.job);
      // Another worker's job: it dies as its contract says.
      if (handled === undefined) return {};
      const failure = failureOf(question);
      const history = await historyOf(handled, input, question);
      const policy = { ...handled, endsAtMs: Date.now() + activityInfo().startToCloseTimeoutMs };
      const verdict = await decided(policy, failure, history);
      if (verdict.skipped !== undefined) return verdict;
      const extra = await extraOf(policy, failure, history);
      return { ...verdict, ...(extra === undefined ? {} : { extra }) };
    },
  };
}

async function decided(
  policy: Policy,
  failure: Failure,
  history: FailureHistory,
): Promise<Omit<TimeoutVerdict, "extra">> {
  const decision = await decisionOn(policy, failure, history);
  switch (decision?.do) {
    case undefined:
      return {};
    case "retry":
      ignored("onFailure's retry", history, "the contract leaves no time or no attempt for another");
      return {};
    case "die":
      return decision.category === undefined ? {} : { category: decision.category };
    case "file":
      return { queue: decision.queue };
    case "skip": {
      const run = skipped(decision, failure, history);
      return run === undefined ? {} : { skipped: run };
    }
  }
}

function failureOf({ error, category = classify(error), ledger }: TimeoutQuestion): Failure {
  const state = ledger.entries.at(-1)?.state;
  return { ...error, category, state: state === "lost" || state === "failed" ? state : "timed_out" };
}

async function historyOf(
  { job }: HandledJob,
  input: unknown,
  { memo, ledger, key = memo.key }: TimeoutQuestion,
): Promise<FailureHistory> {
  const { workflowExecution } = activityInfo();
  assert(workflowExecution, "decideTimeout is called by a job's workflow");
  const { workflowId, runId } = workflowExecution;
  return {
    job: job.name,
    workflowId,
    runId,
    attempt: countedAttempts(ledger),
    isLast: true,
    attempts: ledger.entries,
    deaths: memo.deaths ?? 0,
    retry: memo.retry ?? 0,
    headers: memo.headers ?? {},
    idempotencyKey: memo.idempotencyKey ?? workflowId,
    ...(key === undefined ? {} : { key }),
    ...(await parsedInput(job, input)),
  };
}
