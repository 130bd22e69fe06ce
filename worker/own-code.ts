import { activityInfo, ApplicationFailure, Context, heartbeat } from "@temporalio/activity";
import { compactError, recordError } from "../model/error-record.ts";
import type { HandledJob } from "../model/job.ts";
import {
  type DeadJob,
  type OwnCode,
  type OwnCodeActivities,
  type OwnCodeAsk,
  type OwnCodeResult,
  ownCodes,
} from "../model/own-code.ts";
import { readExtra } from "../model/record-extra.ts";
import { parsedInput } from "./parsed-input.ts";

/** The activities that run jobs' own code, `onDead` and `onExpire`, for their letters. */
export function ownCodeRunner(jobs: readonly HandledJob[]): OwnCodeActivities {
  const byName = new Map(jobs.map((handled) => [handled.job.name, handled]));
  const run = async (code: OwnCode, input: unknown, ask: OwnCodeAsk): Promise<OwnCodeResult> => {
    const { dead } = ask;
    const handled = byName.get(dead.job);
    if (handled === undefined)
      // Another worker of this task queue may have it.
      throw ApplicationFailure.retryable(`This worker has no job "${dead.job}"`, "JOB_UNKNOWN");
    const own = handled[code];
    if (own === undefined) return { ran: false };
    const stop = beatBySelf();
    try {
      const parsed = ask.omitted === true ? {} : await parsedInput(handled.job, input);
      const returned = await own(dead.error, deadJob(ask, parsed));
      const result = isObject(returned) ? readExtra(returned) : undefined;
      return { ran: true, ...(result === undefined ? {} : { result }) };
    } catch (thrown) {
      throw smallFailure(thrown);
    } finally {
      stop();
    }
  };
  const activities = ownCodes.map((code) => [
    code,
    async (input: unknown, ask: OwnCodeAsk) => await run(code, input, ask),
  ]);
  return Object.fromEntries(activities) as OwnCodeActivities;
}

function deadJob({ dead, headers }: OwnCodeAsk, parsed: { readonly input?: unknown }): DeadJob {
  const { error: _, diedAtMs, ...told } = dead;
  const { attempt } = activityInfo();
  return {
    ...told,
    ...{ diedAt: new Date(diedAtMs), headers, attempt, signal: Context.current().cancellationSignal },
    ...parsed,
  };
}

function beatBySelf(): () => void {
  const { heartbeatTimeoutMs = 30_000 } = activityInfo();
  const timer = setInterval(() => heartbeat(), heartbeatTimeoutMs / 3);
  return () => clearInterval(timer);
}

/** Temporal refuses failures of a megabyte by ending the activity without retries. */
function smallFailure(thrown: unknown): ApplicationFailure {
  const { type, message, stack, nonRetryable = false } = compactError(recordError(thrown));
  const failure = ApplicationFailure.create({ type, message, nonRetryable });
  failure.stack = stack ?? "";
  return failure;
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
