import {
  ApplicationFailure,
  CancellationScope,
  CancelledFailure,
  condition,
  defineSignal,
  isCancellation,
  patched,
  proxyActivities,
  setCurrentDetails,
  setHandler,
  workflowInfo,
} from "@temporalio/workflow";
import type { ResolvedContract } from "../model/contract.ts";
import { type Death, deadLetteredType, diedType } from "../model/death.ts";
import { letterWorkflowId } from "../model/ids.ts";
import { emptyLedger, type Ledger, shortenLedger } from "../model/ledger.ts";
import type { LetterActivities } from "../model/letter-activities.ts";
import { goSignalName, readRunMemo, type RunMemo } from "../model/run-memo.ts";
import { type Build, buildText } from "../model/run-options.ts";
import { isSkippedRun, skippedMark, skippedResult, type SkippedRun } from "../model/skipped.ts";
import { decideTimeout, withVerdict } from "./decide-timeout.ts";
import { endedBySilence, isOutOfAttempts, readDeath, type Round } from "./read-death.ts";

/**
 * The one workflow of all jobs: the default export of a worker's bundle, which is called for every type that the bundle
 * does not name. The contracts come with the bundle, so a start by the plain CLI, a Schedule or another SDK is
 * supervised like any other.
 *
 * A job that succeeds has not one event more than a bare workflow around one activity.
 */
export function supervise(contracts: Readonly<Record<string, ResolvedContract>>) {
  return async function job(...args: unknown[]): Promise<unknown> {
    const { workflowType, memo } = workflowInfo();
    const contract = Object.hasOwn(contracts, workflowType) ? contracts[workflowType] : undefined;
    if (contract === undefined)
      // A plain error fails the task, not the workflow: a worker that knows the type takes over, and nothing is lost.
      throw new Error(
        `This worker knows no job or workflow "${workflowType}". It knows the jobs: ${Object.keys(contracts).join(", ") || "none"}`,
      );
    const run = readRunMemo(memo);
    // Its letter puts it onto a build of its own, which has to happen before anything runs.
    if (run.build !== undefined && isRetry()) await untilOn(run.build);
    return await attemptAll(contract, args[0], run);
  };
}

/** The second argument of a job's activity, beside its input. */
type AttemptContext = {
  readonly memo: RunMemo;
  /** Attempts of an earlier round, which a shutdown interrupted at its end. */
  readonly carried?: Ledger;
};

/** It travels beside the input, and Temporal takes 2 MiB for both. */
const carriedBytes = 64 * 1024;

const goSignal = defineSignal(goSignalName);

/** For a letter that was terminated meanwhile: the run must not hold the job's id for ever. */
const longestWait = "1 hour";

/** Waits until the run is on its build: the first activity is then that build's. */
async function untilOn(build: Build): Promise<void> {
  let pinned = false;
  setHandler(goSignal, () => void (pinned = true));
  if (!(await condition(() => pinned, longestWait)))
    throw new CancelledFailure(`Its letter did not put it onto its build within ${longestWait}`);
  const { currentDeploymentVersion: here } = workflowInfo();
  if (here?.deploymentName === build.deploymentName && here.buildId === build.buildId) return;
  // Temporal gave it once more to the worker that has it cached, as it does where that worker was at its first task when it
  // was pinned. A plain error fails the task, not the workflow, and a task that failed is given by the pin.
  throw new Error(`This run is for build ${buildText(build)}, and was given to ${here ? buildText(here) : "another"}`);
}

async function attemptAll(contract: ResolvedContract, input: unknown, memo: RunMemo): Promise<unknown> {
  const round: Round = { carried: emptyLedger, attempts: activityOf(contract, memo).retry.maximumAttempts };
  for (;;) {
    try {
      const result = await attempt(contract, round, input, memo);
      return isSkippedRun(result) ? skip(result) : result;
    } catch (error) {
      // Whatever the last attempt had to say: a job that was cancelled is cancelled, not dead.
      if (CancellationScope.current().consideredCancelled)
        throw isCancellation(error) ? error : new CancelledFailure("The job was cancelled");
      const death = readDeath(error, round);
      const interrupted = death.ledger.interrupted - round.carried.interrupted;
      if (interrupted === 0 || !isOutOfAttempts(error)) {
        const asks = contract.decides === true && endedBySilence(error);
        const verdict = asks ? await decideTimeout(contract.name, input, memo, death) : {};
        if (verdict.skipped !== undefined) return skip(verdict.skipped);
        await die(contract, { ...withVerdict(death, verdict), ...ownCodeOf(contract) }, error);
      }
      // An interruption is no failure: as many attempts as were handed back are given again.
      round.carried = shortenLedger(death.ledger, carriedBytes);
      round.attempts = interrupted;
    }
  }
}

function ownCodeOf({ ownCode }: ResolvedContract): Pick<Death, "ownCode"> {
  return ownCode === undefined ? {} : { ownCode };
}

/** What bounds a run: the contract, but for what a retry was asked to do otherwise. */
function activityOf({ activity }: ResolvedContract, { activity: change }: RunMemo): ResolvedContract["activity"] {
  return change === undefined ? activity : { ...activity, ...change, retry: { ...activity.retry, ...change.retry } };
}

async function attempt(
  contract: ResolvedContract,
  { attempts, carried }: Round,
  input: unknown,
  memo: RunMemo,
): Promise<unknown> {
  const { retry, ...timeouts } = activityOf(contract, memo);
  const activities = proxyActivities<Record<string, (...args: unknown[]) => Promise<unknown>>>({
    startToCloseTimeout: timeouts.startToCloseTimeoutMs,
    heartbeatTimeout: timeouts.heartbeatTimeoutMs,
    ...(timeouts.scheduleToStartTimeoutMs === undefined
      ? {}
      : { scheduleToStartTimeout: timeouts.scheduleToStartTimeoutMs }),
    ...(timeouts.scheduleToCloseTimeoutMs === undefined
      ? {}
      : { scheduleToCloseTimeout: timeouts.scheduleToCloseTimeoutMs }),
    retry: {
      // Temporal's 0 is "no limit"; the SDK asks for it by leaving it out.
      ...(attempts === 0 ? {} : { maximumAttempts: attempts }),
      ...(retry.initialIntervalMs === undefined ? {} : { initialInterval: retry.initialIntervalMs }),
      ...(retry.maximumIntervalMs === undefined ? {} : { maximumInterval: retry.maximumIntervalMs }),
      ...(retry.backoffCoefficient === undefined ? {} : { backoffCoefficient: retry.backoffCoefficient }),
      ...(retry.nonRetryableErrorTypes === undefined
        ? {}
        : { nonRetryableErrorTypes: [...retry.nonRetryableErrorTypes] }),
    },
  });
  const context: AttemptContext = { memo, ...(carried.total > 0 ? { carried } : {}) };
  const isPlain = carried.total === 0 && Object.keys(memo).length === 0;
  // It has every name.
  return await activities[contract.name]?.(...(isPlain ? [input] : [input, context]));
}

/**
 * Ends a run whose policy skips it. A marker in its history says so, and is found in every namespace, whatever search attributes
 * it has: `TemporalChangeVersion = 'dlo-skipped'`. Two events more than success has.
 */
function skip(run: SkippedRun): unknown {
  patched(skippedMark);
  setCurrentDetails(`**Skipped:** ${run.skipped.reason}`);
  return skippedResult(run);
}

/** Whether its letter started this run: the letter is its parent. */
function isRetry(): boolean {
  const { workflowId, parent } = workflowInfo();
  return parent?.workflowId === letterWorkflowId(workflowId);
}

/** Ends a run that died: never returns. */
async function die(contract: ResolvedContract, death: Death, error: unknown): Promise<never> {
  // Without dead letters the job just fails, as a hand-written workflow would.
  if (contract.deadLetter === false) throw error;
  // A run that its letter started does not compensate: the letter is its parent and takes the death from this failure.
  if (isRetry()) throw endOfRun(diedType, contract.name, death, [death]);
  const policy = contract.deadLetter;
  const office = proxyActivities<Pick<LetterActivities, "parkDeadLetter">>({
    taskQueue: policy.office,
    startToCloseTimeout: "30 seconds",
    // While Postgres or the office is down the job waits here, and is seen to.
    retry: { initialInterval: "1 second", backoffCoefficient: 2, maximumInterval: "30 seconds" },
    summary: `${contract.name} died: ${death.reason}`,
  });
  const { letterId } = await CancellationScope.nonCancellable(() =>
    office.parkDeadLetter({ version: 1, policy, death }),
  );
  throw endOfRun(deadLetteredType, contract.name, death, [{ letterId }], letterId);
}

function endOfRun(type: string, job: string, death: Death, details: unknown[], letterId?: string): ApplicationFailure {
  const { error } = death;
  const cause = ApplicationFailure.create({ type: error.type, message: error.message, nonRetryable: true });
  cause.stack = error.stack ?? "";
  const where = letterId === undefined ? "" : `; dead letter ${letterId}`;
  const failure = ApplicationFailure.create({
    type,
    message: `${job} died (${death.reason}) of ${error.type}: ${error.message.slice(0, 500)}${where}`,
    nonRetryable: true,
    details,
    cause,
  });
  // The cause has the handler's; where this one is made says nothing.
  failure.stack = "";
  return failure;
}
