import {
  allHandlersFinished,
  ApplicationFailure,
  CancellationScope,
  CancelledFailure,
  ChildWorkflowFailure,
  condition,
  continueAsNew,
  defineQuery,
  defineSignal,
  defineUpdate,
  isCancellation,
  setCurrentDetails,
  setHandler,
  startChild,
  TerminatedFailure,
  TimeoutFailure,
  upsertSearchAttributes,
  workflowInfo,
} from "@temporalio/workflow";
import { RawValue, WorkflowExecutionAlreadyStartedError } from "@temporalio/common";
import type { CaptureStart } from "../model/capture.ts";
import { type Command, type CommandName, commandNames, type LetterSignature } from "../model/command.ts";
import { parseRetention } from "../model/contract.ts";
import { type Death, diedType } from "../model/death.ts";
import { formatDuration, parseDuration } from "../model/duration.ts";
import { type LetterEvent, type LetterEventType, officeActor } from "../model/event.ts";
import type {
  DeathRecord,
  Died,
  FollowedRun,
  ItemOutcome,
  Projection,
  ProjectionResult,
  Succeeded,
} from "../model/letter-activities.ts";
import { letterDetails } from "../model/letter-details.ts";
import {
  expiryFrom,
  type ForeignKind,
  type LetterState,
  type PendingRetry,
  rememberRequest,
  type RunningCode,
  waitsToRetry,
} from "../model/letter-state.ts";
import type { OwnCode, OwnCodeResult } from "../model/own-code.ts";
import { runMemoKey } from "../model/run-memo.ts";
import { readRunOptions, type RunChange } from "../model/run-options.ts";
import { type SearchAttribute, searchAttributes } from "../model/search-attributes.ts";
import { skippedReason } from "../model/skipped.ts";
import { type ClosedStatus, isOpen } from "../model/status.ts";
import { unpackSeed } from "../model/run-seed.ts";
import { readCommand } from "../model/read-command.ts";
import { createAlarm } from "./alarm.ts";
import { answerCaptures, captureThen } from "./capture-record.ts";
import { policyState, underPolicy, withoutPolicy } from "./letter-policy.ts";
import {
  automaticRetryMs,
  codeFailure,
  codeRuns,
  handsOn,
  hasCode,
  isOnDeadDue,
  nextRingMs,
  refusal,
  usageFailure,
} from "./letter-rules.ts";
import { createProbeWatch } from "./probe-watch.ts";
import { jobWorker, office, ownCodeOn, refusalOf } from "./office-calls.ts";
import { readForeignDeath } from "./read-death.ts";

/*
 * The workflow is the truth, the row its projection. State machine: model/status.ts.
 *
 * - Handlers check a command and put it into the inbox; one loop carries out, one thing at a time.
 * - Each projection carries a revision, and the row takes only a newer one: what a crash repeats changes nothing.
 * - `retrying` is projected in the task that "child started" brings, so it is never shown before the run exists.
 * - A closing write names the deaths that the letter knows. If the row has more, a `died` signal is on its way: the
 *   letter stays open and hears it.
 * - While a retry runs the letter cannot close, and it cannot continue as new: it would lose its child.
 */

const stateQuery = defineQuery<LetterState>("state");
const diedSignal = defineSignal<[Died]>("died");
const succeededSignal = defineSignal<[Succeeded]>("succeeded");

type Item =
  | { readonly kind: "command"; readonly command: Command; readonly settle: Settle }
  | { readonly kind: "refused"; readonly name: CommandName; readonly given: unknown; readonly why: string }
  | { readonly kind: "died"; readonly died: Died }
  | { readonly kind: "succeeded"; readonly succeeded: Succeeded }
  | { readonly kind: "retryEnded"; readonly outcome: Outcome }
  | { readonly kind: "followed"; readonly following: Following; readonly run: FollowedRun }
  | { readonly kind: "probeSaidYes"; readonly pending: PendingRetry }
  | { readonly kind: "codeEnded"; readonly code: RunningCode; readonly end: CodeEnd };

type Following = NonNullable<LetterState["following"]>;

type Settle = { readonly resolve: () => void; readonly reject: (why: ApplicationFailure) => void };

/** `ran` is absent where it failed, and false where the job has no such code. */
type CodeEnd = Partial<OwnCodeResult> & { readonly failure?: unknown };

type Outcome =
  | { readonly runId: string; readonly failure?: unknown; readonly skipped?: string }
  /** Of what is no job. */
  | { readonly runId: string; readonly ended: FollowedRun["outcome"] };

/** Parks one dead job, or one record from elsewhere, until a command, its retention, or its own recovery closes it. */
export async function deadLetter(initial: LetterState | CaptureStart): Promise<LetterState> {
  // Deaf to cancellation: its row would stay open for ever. Whoever cancels all runs with a job's `DloJob` meets its letters.
  return await CancellationScope.nonCancellable(() =>
    "capture" in initial ? captureThen(initial, untilClosed) : untilClosed(initial),
  );
}

async function untilClosed(initial: LetterState): Promise<LetterState> {
  waitForNewerOffice("a letter", initial.version);
  let state = initial;
  const inbox: Item[] = [];
  const alarm = createAlarm();
  const probe = createProbeWatch<PendingRetry>(office.probeSaysYes, (pending) =>
    inbox.push({ kind: "probeSaidYes", pending }),
  );
  /** A run that was ended before it began, since its build could not have it. */
  let unbegun: { readonly runId: string; readonly why: string } | undefined;
  /** The next letter of the same job id, where one was begun while this one was closing. */
  let successor: LetterState | undefined;
  /** Ends the job's own code that runs. */
  let codeScope: CancellationScope | undefined;

  setHandler(stateQuery, () => answer(state));
  setHandler(diedSignal, (died) => {
    // Anybody can send a signal.
    if (typeof died?.version !== "number") return;
    waitForNewerOffice("a death", died.version);
    inbox.push({ kind: "died", died });
  });
  setHandler(succeededSignal, (succeeded) => {
    if (typeof succeeded?.version !== "number") return;
    waitForNewerOffice("word of a success", succeeded.version);
    inbox.push({ kind: "succeeded", succeeded });
  });
  answerCaptures(() => state);
  for (const name of commandNames) {
    setHandler(defineUpdate<LetterState, [unknown]>(name), (given) => ask(name, given), {
      validator: (given) => {
        const why = refusal(state, readOrFail(name, given));
        if (why !== undefined) throw why;
      },
    });
    setHandler(defineSignal<[unknown]>(name), async (given) => {
      try {
        await ask(name, given);
      } catch (error) {
        // Nobody waits for a signal's answer, so the letter's story holds it.
        if (!(error instanceof ApplicationFailure)) throw error;
        inbox.push({ kind: "refused", name, given, why: error.message });
      }
    });
  }

  if (state.reopening !== undefined) await reopen(state.reopening);
  else if (state.restoring === true) await restore();
  else if (state.status === "retrying" && state.kind !== undefined && state.retryRunId !== undefined)
    // No child: whichever run of this letter looks after it.
    followRetry(state.retryRunId);
  else if (state.status === "retrying") {
    // Begun anew, since somebody terminated the letter while its retry ran: that run is no child of this one.
    await park([]);
    state = { ...state, following: {} };
  } else if (isBegunAnew() && !waitsToRetry(state)) await park([]);
  if (state.following !== undefined) follow(state.following);
  while (isOpen(state.status)) {
    setCurrentDetails(letterDetails(state, workflowInfo().namespace));
    if (isOnDeadDue(state)) {
      state = { ...state, codeDeaths: state.deaths };
      beginCode({ name: "onDead" });
    }
    if (shouldConsider()) await considerRetry();
    alarm.set(nextRingMs(state));
    const { pendingRetry } = state;
    probe.set(pendingRetry?.when === undefined ? null : { for: pendingRetry, probe: pendingRetry.when });
    await condition(() => inbox.length > 0 || alarm.rang() || isTimeForANewRun());
    const item = inbox.shift();
    if (item !== undefined) await take(item);
    else if (alarm.rang()) await ring();
    else await continueAsNew<typeof deadLetter>(state);
  }
  setCurrentDetails(letterDetails(state, workflowInfo().namespace));
  await answerTheRest();
  if (successor !== undefined) await beginNext(successor);
  return state;

  /** Brings the closed row back; where it cannot be, this run has no letter to keep. */
  async function reopen(by: LetterSignature): Promise<void> {
    const { reopening: _, ...closed } = state;
    // Its last death was told to the job's own code when it came, and whoever opens it decides about its retry.
    const told = { codeDeaths: closed.deaths, consideredDeaths: closed.deaths };
    state = { ...closed, ...told, requestIds: rememberRequest(closed, by.requestId) };
    const change = {
      status: "parked" as const,
      retryAtMs: null,
      expiresAtMs: expiryFrom(Date.now(), state.retentionMs),
    };
    const event: LetterEvent = { type: "reopened", atMs: Date.now(), ...signatureOf(by) };
    let result;
    try {
      result = await project(change, [event], { reopen: true, ...itemOf(by, "done") });
    } catch (error) {
      await giveWay(by);
      throw refusalOf(error) ?? error;
    }
    if (result !== "written") {
      await giveWay(by);
      throw ApplicationFailure.nonRetryable(`Dead letter ${state.letterId} is open already`, "LETTER_BUSY");
    }
    show(searchAttributes.status, "parked");
  }

  /** Cannot be opened: says so to its redrive, and goes on as the letter of a death that came meanwhile, which has no other workflow. */
  async function giveWay(by: LetterSignature): Promise<void> {
    const item = itemOf(by, "refused", { code: "refused", why: "another letter of its job is open" });
    const revision = state.revision + 1;
    if (item.item !== undefined) await office.project({ letterId: state.letterId, revision, events: [], ...item });
    const next = inbox.find((one) => one.kind === "died" && one.died.letterId !== state.letterId);
    if (next?.kind === "died") await beginNext(next.died.letter);
  }

  /** Takes up again what its row has: nobody kept the clock meanwhile. */
  async function restore(): Promise<void> {
    const { restoring: _, ...rest } = state;
    state = rest;
    const { status, expiresAtMs, retryAtMs } = state;
    const event: LetterEvent = { type: "restored", atMs: Date.now(), by: officeActor, data: { was: status } };
    if (status !== "retrying") return void (await project({ expiresAtMs, retryAtMs }, [event]));
    if (state.kind !== undefined && state.retryRunId !== undefined) {
      await project({}, [event]);
      return followRetry(state.retryRunId);
    }
    await park([event]);
    state = { ...state, following: {} };
  }

  /** Somebody terminated the letter and a death began it again: the clock that its row still had is not that death's. */
  function isBegunAnew(): boolean {
    return state.deaths > 1 && workflowInfo().continuedFromExecutionRunId === undefined;
  }

  /** Goes on as another letter of the same job id. */
  async function beginNext(letter: LetterState): Promise<never> {
    // A new run inherits the search attributes of this one.
    show(searchAttributes.job, letter.job, state.job);
    show(searchAttributes.queue, letter.queue, state.queue);
    show(searchAttributes.status, letter.status);
    show(searchAttributes.category, letter.lastDeath.category, state.lastDeath.category);
    show(searchAttributes.errorType, letter.lastDeath.errorType, state.lastDeath.errorType);
    return await continueAsNew<typeof deadLetter>(letter);
  }

  /** Only at rest: a command or a handler that is under way would be lost, and so would a child. */
  function isTimeForANewRun(): boolean {
    const waits = state.status === "parked" || state.kind !== undefined;
    const rests = waits && inbox.length === 0 && !codeRuns(state) && allHandlersFinished();
    return rests && workflowInfo().continueAsNewSuggested;
  }

  /** What a signal and an update of one name do alike. Resolves when the command has been carried out. */
  async function ask(name: CommandName, given: unknown): Promise<LetterState> {
    const command = readOrFail(name, given);
    if (isDone(command)) return answer(state);
    // Handlers run outside the workflow's own scope.
    await CancellationScope.nonCancellable(() => checkInput(command));
    await new Promise<void>((resolve, reject) => inbox.push({ kind: "command", command, settle: { resolve, reject } }));
    return answer(state);
  }

  function isDone({ requestId }: Command): boolean {
    return requestId !== undefined && state.requestIds.includes(requestId);
  }

  /** A probe is checked by the office, and a new input by the job's own worker, which has the schema. */
  async function checkInput(command: Command): Promise<void> {
    if (command.name !== "retry" && command.name !== "amend") return;
    if (command.name === "retry" && command.when !== undefined) {
      const why = await office.checkProbe(command.when);
      if (why !== undefined) throw ApplicationFailure.nonRetryable(`when: ${why}`, "USAGE");
    }
    // There is no job worker that knows what somebody else's workflow takes.
    if (command.input === undefined || command.unchecked === true || state.kind !== undefined) return;
    const { job = state.job, taskQueue = state.taskQueue } = runOf(command);
    let verdict;
    try {
      verdict = await jobWorker(taskQueue).validateInput(job, command.input);
    } catch (error) {
      if (isCancellation(error)) throw error;
      throw ApplicationFailure.nonRetryable(
        `No worker on task queue "${taskQueue}" could check the new input within 10 seconds. Start one, or say unchecked: true to take it as it is`,
        "NO_WORKER",
      );
    }
    if (!verdict.valid)
      throw ApplicationFailure.nonRetryable(
        `The new input is not valid for ${job}: ${verdict.violations.join("; ")}`,
        "INPUT_INVALID",
      );
  }

  async function take(item: Item): Promise<void> {
    switch (item.kind) {
      case "command":
        return await carryOut(item.command, item.settle);
      case "refused":
        return void (await project({}, [refusedEvent(item)], refusedItem(item)));
      case "died":
        return await hearDeath(item.died);
      case "succeeded":
        return await hearSuccess(item.succeeded);
      case "retryEnded":
        return await endRetry(item.outcome);
      case "followed":
        // Of two that wait only the last one speaks for the letter.
        if (item.following === state.following) return await endFollowing(item.run);
        return;
      case "probeSaidYes":
        if (item.pending === state.pendingRetry) await retryPending();
        return;
      case "codeEnded":
        if (item.code === state.code) await endCode(item.code, item.end);
    }
  }

  async function carryOut(command: Command, { resolve, reject }: Settle): Promise<void> {
    if (isDone(command)) return resolve();
    // The state may have changed since the handler looked.
    const why = refusal(state, command) ?? (await execute(command));
    if (why === undefined) resolve();
    else reject(why);
  }

  /** Returns why it could not be done, if it could not. */
  async function execute(command: Command): Promise<ApplicationFailure | undefined> {
    if (state.status === "retrying") {
      // `refusal` lets through only what can wait for the outcome.
      state = { ...state, kept: [...state.kept, command], requestIds: rememberRequest(state, command.requestId) };
      return undefined;
    }
    const requestIds = rememberRequest(state, command.requestId);
    switch (command.name) {
      case "retry":
        if (command.cancel === true) return await cancelRetry(command);
        return (command.after ?? command.when) === undefined ? await retry(command) : await retryLater(command);
      case "expire":
        if (mayRetryOnExpiry()) return await retry(command, "expiry");
        if (handsOn(state)) {
          await handOn(state.handOnTo, { ...signatureOf(command) }, { requestIds }, itemOf(command, "done"));
          return undefined;
        }
        if (hasCode(state, "onExpire")) return await askCode("onExpire", command, { requestIds, ends: true });
        return await close("expired", signed("expired", command), requestIds, itemOf(command, "done"));
      case "discard":
        return await close("discarded", signed("discarded", command), requestIds, itemOf(command, "done"));
      case "amend": {
        const data = isUnchecked(command) ? { unchecked: true } : undefined;
        const more = { ...amendmentOf(command), ...itemOf(command, "done") };
        return await keep(project({ requestIds }, [signed("amended", command, data)], more));
      }
      case "extend": {
        const retentionMs = parseRetention(command.retention, "retention");
        // A retry that is set for later holds the clock; the new retention counts from the next parking.
        const expiresAtMs = waitsToRetry(state) ? null : expiryFrom(Date.now(), retentionMs);
        const data = { retention: command.retention };
        const more = { retentionMs, ...itemOf(command, "done") };
        const events = [signed("extended", command, data), ...dropCode("onExpire")];
        await project({ requestIds, retentionMs, expiresAtMs }, events, more);
        return undefined;
      }
      case "runCode": {
        const code = command.code ?? state.code?.name;
        return code === undefined ? undefined : await askCode(code, command, { requestIds });
      }
      case "applyPolicy":
        return await applyPolicy(command, requestIds);
      case "move": {
        const data = { queue: command.queue, was: state.queue };
        const change = { requestIds, queue: command.queue };
        await project(change, [signed("moved", command, data)], { queue: command.queue, ...itemOf(command, "done") });
        show(searchAttributes.queue, command.queue, data.was);
        return undefined;
      }
      case "note":
        await project({ requestIds }, [signed("noted", command, { text: command.text })], itemOf(command, "done"));
        return undefined;
    }
  }

  async function retryLater(command: Extract<Command, { name: "retry" }>): Promise<ApplicationFailure | undefined> {
    const { by, reason, requestId, after, when } = command;
    const retryAtMs = after === undefined ? null : Date.now() + parseDuration(after, "after", { minimumMs: 0 });
    const change = {
      retryAtMs,
      expiresAtMs: null,
      pendingRetry: {
        ...{ ...(by && { by }), ...(reason && { reason }), ...(requestId && { requestId }) },
        ...(when !== undefined && { when }),
      },
      requestIds: rememberRequest(state, requestId),
    };
    const later = after === undefined ? { when } : { after };
    const event = signed("retry_asked", command, { ...later, ...(isUnchecked(command) && { unchecked: true }) });
    return await keep(project(change, [event, ...dropCode("onExpire")], amendmentOf(command)));
  }

  /** Takes back a retry that is set for later. */
  async function cancelRetry(command: Command): Promise<ApplicationFailure | undefined> {
    if (!waitsToRetry(state))
      return ApplicationFailure.nonRetryable(
        `No retry of dead letter ${state.letterId} is set for later`,
        "LETTER_BUSY",
      );
    const { retryAtMs, pendingRetry } = state;
    const data = { was: retryAtMs === null ? pendingRetry?.when : new Date(retryAtMs).toISOString() };
    state = { ...state, requestIds: rememberRequest(state, command.requestId) };
    await park([signed("retry_cancelled", command, data)]);
    return undefined;
  }

  /** Why the row did not take a new input, if it did not: its queue may store none. */
  async function keep(projected: Promise<ProjectionResult>): Promise<ApplicationFailure | undefined> {
    try {
      await projected;
      return undefined;
    } catch (error) {
      const why = refusalOf(error);
      if (why === undefined) throw error;
      return why;
    }
  }

  /** Starts the job again under its own id. The id is the lock: there is never a second run beside this one. */
  async function retry(command: Command, unasked?: "expiry" | "automatic"): Promise<ApplicationFailure | undefined> {
    const revision = state.revision + 1;
    const run = runOf(command);
    const data = {
      ...(Object.keys(run).length > 0 && { run }),
      ...(unasked === "expiry" && { onExpiry: true }),
      ...(unasked === "automatic" && { automatic: true }),
      ...(isUnchecked(command) && { unchecked: true }),
      ...("fromFailure" in command && command.fromFailure && { fromFailure: true }),
    };
    const event = signed("retry_asked", command, Object.keys(data).length > 0 ? data : undefined);
    if (state.kind !== undefined) return await startAgain(state.kind, command, event, unasked);
    const taskQueue = run.taskQueue ?? state.taskQueue;
    let seed;
    try {
      if (run.build !== undefined) await office.checkBuild({ build: run.build, taskQueue });
      seed = unpackSeed(
        await office.beginRetry({
          ...{ letterId: state.letterId, revision, event, ...amendmentOf(command) },
          ...(unasked !== undefined && { automatic: true }),
        }),
      );
    } catch (error) {
      const why = refusalOf(error);
      if (why === undefined) throw error;
      return why;
    }
    const { pendingRetry: _, ...rest } = state;
    const expiryRetries = state.expiryRetries + (unasked === undefined ? 0 : 1);
    const requestIds = rememberRequest(state, command.requestId);
    state = { ...rest, revision, expiryRetries, requestIds, retryAtMs: null };
    const memo = {
      ...{ ...seed.memo, version: 1, retry: state.retries + 1, deaths: state.deaths },
      ...(run.activity !== undefined && { activity: run.activity }),
      // Always of this run: a build that the first one's memo names would be waited for in vain.
      build: run.build,
    };
    const job = run.job ?? state.job;
    let child;
    try {
      child = await startChild(job, {
        workflowId: state.jobWorkflowId,
        taskQueue,
        args: seed.payloads.map(({ metadata, data }) => RawValue.fromPayload({ metadata: asBytes(metadata), data })),
        memo: { [runMemoKey]: memo },
        parentClosePolicy: "ABANDON",
        workflowIdReusePolicy: "ALLOW_DUPLICATE_FAILED_ONLY",
        staticSummary: `retry ${memo.retry} of ${state.job}${job === state.job ? "" : ` as ${job}`}`,
      });
    } catch (error) {
      if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
      return await waitForApp(command);
    }
    // The id was free: whatever run the letter waited for has ended.
    const { following: __, redrive: ___, ...alone } = state;
    state = command.redrive === undefined ? alone : { ...alone, redrive: command.redrive };
    const runId = child.firstExecutionRunId;
    child.result().then(
      (result: unknown) => {
        const skipped = skippedReason(result);
        inbox.push({ kind: "retryEnded", outcome: { runId, ...(skipped !== undefined && { skipped }) } });
      },
      (failure: unknown) => inbox.push({ kind: "retryEnded", outcome: { runId, failure } }),
    );
    await project(
      { status: "retrying", retries: state.retries + 1, retryRunId: runId, expiresAtMs: null },
      [{ type: "retrying", atMs: Date.now(), runId, ...signatureOf(command) }, ...dropCode()],
      { retriedAtMs: Date.now(), retryRunId: runId, ...itemOf(command, "running", { runId }) },
    );
    if (run.build !== undefined) {
      const why = await office.pinRun({ workflowId: state.jobWorkflowId, runId, build: run.build, taskQueue });
      if (why !== null) unbegun = { runId, why };
    }
    return undefined;
  }

  /** The app holds the id: its run is under way, or has succeeded. Whichever it is, there must be no second one. */
  async function waitForApp(command: Command): Promise<undefined> {
    const why = "a run of the job that it did not start is under way, or has succeeded";
    const item = itemOf(command, "skipped", { code: "app_run", why });
    await park([{ type: "waiting", atMs: Date.now(), ...signatureOf(command) }], state.expiresAtMs, item);
    if (state.following === undefined) follow({});
  }

  /** Starts what is no job as it was started, or resets it. No child: how it ends is waited for as for anybody's run. */
  async function startAgain(
    kind: ForeignKind,
    command: Command,
    event: LetterEvent,
    unasked: "expiry" | "automatic" | undefined,
  ): Promise<ApplicationFailure | undefined> {
    const revision = state.revision + 1;
    const { taskQueue } = runOf(command);
    let begun;
    try {
      begun = await office.startAgain({
        ...{ letterId: state.letterId, revision, event, ...amendmentOf(command), kind },
        ...{ workflowId: state.jobWorkflowId, diedRunId: state.lastDeath.runId },
        ...(state.retryRunId !== undefined && { retryRunId: state.retryRunId }),
        ...(taskQueue !== undefined && { taskQueue }),
        ...("fromFailure" in command && command.fromFailure === true && { fromFailure: true as const }),
      });
    } catch (error) {
      const why = refusalOf(error);
      if (why === undefined) throw error;
      return why;
    }
    const { pendingRetry: _, resetTo: __, ...rest } = state;
    const expiryRetries = state.expiryRetries + (unasked === undefined ? 0 : 1);
    state = {
      ...rest,
      revision,
      expiryRetries,
      requestIds: rememberRequest(state, command.requestId),
      retryAtMs: null,
    };
    if (begun.as === "refused") {
      const { why } = begun;
      const item = itemOf(command, "refused", { code: "refused", why });
      await park([signed("refused", command, { command: "retry", why })], state.expiresAtMs, item);
      return ApplicationFailure.nonRetryable(why, "RETRY_REFUSED");
    }
    if (begun.as === "held") return await waitForApp(command);
    const { following: ___, redrive: ____, ...alone } = state;
    state = command.redrive === undefined ? alone : { ...alone, redrive: command.redrive };
    const { runId, resetTo } = begun;
    followRetry(runId);
    const data = resetTo === undefined ? {} : { data: { resetTo: resetTo.eventId, before: resetTo.before } };
    await project(
      {
        ...{ status: "retrying", retries: state.retries + 1, retryRunId: runId, expiresAtMs: null },
        ...(resetTo !== undefined && { resetTo: resetTo.before }),
      },
      [{ type: "retrying", atMs: Date.now(), runId, ...signatureOf(command), ...data }, ...dropCode()],
      { retriedAtMs: Date.now(), retryRunId: runId, ...itemOf(command, "running", { runId }) },
    );
    return undefined;
  }

  /** Waits for the end of a run that the letter started, and that is no child. */
  function followRetry(runId: string): void {
    const kind = state.kind === undefined ? {} : { kind: state.kind };
    office.followRun({ workflowId: state.jobWorkflowId, runId, ...kind }).then(
      (run) => inbox.push({ kind: "retryEnded", outcome: { runId: run.runId, ended: run.outcome } }),
      (error: unknown) => {
        if (!isCancellation(error)) throw error;
      },
    );
  }

  async function endAgain(runId: string, ended: FollowedRun["outcome"]): Promise<void> {
    switch (ended) {
      case "completed":
        return await endWell(runId);
      case "cancelled":
      case "gone": {
        const why = ended === "gone" ? "Temporal has forgotten how its run ended" : "its run was cancelled";
        const item = itemOf(state, "skipped", { runId, code: "run_cancelled", why });
        const said = ended === "gone" ? { by: officeActor, reason: why } : {};
        return await park([{ type: "retry_cancelled", atMs: Date.now(), runId, ...said }], null, item);
      }
      case "terminated":
        await recordDeath(runId, { ended }, true);
        return follow({ exceptRunId: runId });
      case "failed":
      case "timed_out":
        return await recordDeath(runId, { ended }, true);
    }
  }

  async function endWell(runId: string, skipped?: string): Promise<void> {
    const recovered = itemOf(state, "recovered", { runId });
    const reason = skipped === undefined ? {} : { reason: `the job's policy skipped it: ${skipped}` };
    const event: LetterEvent = { type: "recovered", atMs: Date.now(), runId, ...reason };
    const why = await close("recovered", event, state.requestIds, recovered);
    // It died anew, under the app's hand, after our run had succeeded: that death decides.
    if (why !== undefined) await park([], null, recovered);
  }

  async function endRetry(outcome: Outcome): Promise<void> {
    if ("ended" in outcome) await endAgain(outcome.runId, outcome.ended);
    else await endChild(outcome);
    if (!isOpen(state.status)) return;
    const { kept } = state;
    state = { ...state, kept: [] };
    for (const command of kept) {
      const why = await execute(command);
      if (why !== undefined)
        await project(
          {},
          [signed("refused", command, { command: command.name, why: why.message })],
          itemOf(command, "refused", { code: "refused", why: why.message }),
        );
    }
  }

  async function endChild({ runId, failure, skipped }: Exclude<Outcome, { ended: unknown }>): Promise<void> {
    if (failure === undefined) await endWell(runId, skipped);
    else {
      const cause = failure instanceof ChildWorkflowFailure ? failure.cause : failure;
      if (cause instanceof CancelledFailure) {
        const why = "its run was cancelled";
        const item = itemOf(state, "skipped", { runId, code: "run_cancelled", why });
        await park([{ type: "retry_cancelled", atMs: Date.now(), runId }], null, item);
      } else if (unbegun?.runId === runId) {
        const { why } = unbegun;
        const item = itemOf(state, "skipped", { runId, code: "run_cancelled", why });
        await park([{ type: "retry_cancelled", atMs: Date.now(), runId, by: officeActor, reason: why }], null, item);
      } else if (cause instanceof TerminatedFailure) {
        await recordDeath(runId, { ended: "terminated" }, true);
        follow({ exceptRunId: runId });
      } else if (cause instanceof TimeoutFailure) await recordDeath(runId, { ended: "timed_out" }, true);
      else await recordDeath(runId, deathOf(cause), true);
    }
  }

  async function recordDeath(runId: string, death: DeathRecord["death"], ownRun: boolean): Promise<void> {
    const atMs = Date.now();
    const revision = state.revision + 1;
    const expiresAtMs = expiryFrom(atMs, state.retentionMs);
    const { letterId, jobWorkflowId: workflowId, queue } = state;
    const recorded = await office.recordDeath({
      letterId,
      workflowId,
      queue,
      revision,
      runId,
      death,
      ownRun,
      expiresAtMs,
      atMs,
      ...(ownRun && state.redrive !== undefined && { redrive: state.redrive }),
      ...(state.kind !== undefined && { kind: state.kind }),
      ...(ownRun && state.kind !== undefined && state.retryRunId !== runId && { begunAs: state.retryRunId }),
    });
    state = { ...state, revision, status: "parked", expiresAtMs };
    const dropped = dropCode();
    if (dropped.length > 0) await project({}, dropped);
    // A run that had parked itself may be known, and not the latest: with fewer deaths than its row the letter never closed.
    if (recorded.deaths < state.deaths) return;
    showDeath(recorded.death);
    state = { ...state, deaths: recorded.deaths, lastDeath: recorded.death };
    if ("ownCode" in death && death.ownCode !== undefined) state = { ...state, ownCode: death.ownCode };
  }

  async function hearDeath({ letterId, deaths, death, letter }: Died): Promise<void> {
    if (letterId !== state.letterId) {
      successor = letter;
      // The row of this letter is gone or closed without it: only the new one has work left.
      if (isOpen(state.status)) await beginNext(letter);
      return;
    }
    if (deaths <= state.deaths) return;
    showDeath(death);
    show(searchAttributes.job, letter.job, state.job);
    // The newest run's input is the one that is run again, and so is its door.
    state = { ...state, deaths, lastDeath: death, job: letter.job, taskQueue: letter.taskQueue };
    const { ownCode: _, ...rest } = state;
    state = letter.ownCode === undefined ? rest : { ...rest, ownCode: letter.ownCode };
    const dropped = dropCode();
    if (state.status === "parked" && !waitsToRetry(state)) await park(dropped);
    else if (dropped.length > 0) await project({}, dropped);
  }

  /** A run that the letter knows nothing of has done its job. What died after it is not mended by it. */
  async function hearSuccess({ letterId, workflowId, runId, atMs }: Succeeded): Promise<void> {
    const { status, lastDeath } = state;
    if (letterId !== state.letterId || status !== "parked" || codeRuns(state) || atMs <= lastDeath.atMs) return;
    const other = workflowId === state.jobWorkflowId ? "its job" : `${workflowId}, which has the same key,`;
    const reason = `${other} has succeeded since`;
    const event: LetterEvent = { type: "superseded", atMs: Date.now(), by: officeActor, runId, reason };
    await close("superseded", event, state.requestIds);
  }

  /** Waits for the newest run of the id, which the letter did not start. */
  function follow(following: Following): void {
    state = { ...state, following };
    const kind = state.kind === undefined ? {} : { kind: state.kind };
    office.followRun({ workflowId: state.jobWorkflowId, ...following, ...kind }).then(
      (run) => inbox.push({ kind: "followed", following, run }),
      (error: unknown) => {
        if (!isCancellation(error)) throw error;
      },
    );
  }

  async function endFollowing(run: FollowedRun): Promise<void> {
    const { following: _, ...rest } = state;
    state = rest;
    if (run.excepted || state.status !== "parked") return;
    switch (run.outcome) {
      case "completed":
        // A death that the letter has not heard of is newer than this success: then it stays open.
        await close("superseded", { type: "superseded", atMs: Date.now(), runId: run.runId }, state.requestIds);
        return;
      case "terminated":
      case "timed_out":
        return await recordDeath(run.runId, { ended: run.outcome }, false);
      case "cancelled":
      case "gone":
        return;
      case "failed":
        // A job has parked itself: its death comes by signal.
        if (state.kind !== undefined) await recordDeath(run.runId, { ended: "failed" }, false);
    }
  }

  /** Whether its queue may retry it by itself, and that was not decided for its last death yet. */
  function shouldConsider(): boolean {
    const { autoRetry, status, code, following, consideredDeaths = 0, deaths } = state;
    return (
      autoRetry !== undefined &&
      status === "parked" &&
      !waitsToRetry(state) &&
      code?.name !== "onExpire" &&
      following === undefined &&
      consideredDeaths < deaths
    );
  }

  /** Sets a retry for later, where its queue's policy says so. */
  async function considerRetry(): Promise<void> {
    state = { ...state, consideredDeaths: state.deaths };
    const afterMs = automaticRetryMs(state, Date.now());
    if (afterMs === undefined) return;
    const reason = `queue ${state.queue} retries ${state.lastDeath.category} by itself`;
    const event: LetterEvent = {
      ...{ type: "retry_asked", atMs: Date.now(), by: officeActor, reason },
      data: { automatic: true, after: formatDuration(afterMs) },
    };
    const pendingRetry = { by: officeActor, reason, automatic: true } as const;
    await project({ retryAtMs: Date.now() + afterMs, expiresAtMs: null, pendingRetry }, [event]);
  }

  async function warn(expiresAtMs: number): Promise<void> {
    const data = { expiresAt: new Date(expiresAtMs).toISOString() };
    await project({ warnedOfMs: expiresAtMs }, [{ type: "expiring", atMs: Date.now(), by: officeActor, data }]);
  }

  /** Files it under the next queue, whose policy it has from then on. */
  async function handOn(
    queue: string,
    signature: Omit<LetterSignature, "redrive">,
    more: Pick<LetterState, "requestIds"> | Record<never, never> = {},
    item: Pick<Projection, "item"> = {},
  ): Promise<void> {
    const policy = await office.policyOf(queue);
    const { queue: was } = state;
    state = withoutPolicy(state);
    const event: LetterEvent = {
      ...{ type: "moved", atMs: Date.now(), ...signature },
      data: { queue, was },
    };
    const expiresAtMs = expiryFrom(Date.now(), policy.retentionMs);
    const change = { ...more, ...policyState(policy), queue, expiresAtMs };
    await project(change, [event], { queue, policy, ...item });
    show(searchAttributes.queue, queue, was);
  }

  /** Brings a letter under the policy that its queue has now; its job's own word still goes before that. */
  async function applyPolicy(
    command: Command,
    requestIds: LetterState["requestIds"],
  ): Promise<ApplicationFailure | undefined> {
    const policy = await office.policyNow(state.letterId, state.revision);
    if (policy === undefined) {
      const why = "it has the policy already that its queue has now";
      await project({ requestIds }, [], itemOf(command, "skipped", { code: "unchanged", why }));
      return undefined;
    }
    const before = state;
    state = withoutPolicy(state);
    await project(
      { ...underPolicy(before, policy, Date.now()), requestIds },
      [signed("policy_applied", command, { queue: state.queue })],
      { policy, ...itemOf(command, "done") },
    );
    return undefined;
  }

  /** Runs the job's own code beside whatever else the letter does. */
  function beginCode(code: RunningCode): void {
    state = { ...state, code };
    codeScope = new CancellationScope();
    codeScope
      .run(() => runCode(code.name))
      .then(
        (end) => end !== undefined && inbox.push({ kind: "codeEnded", code, end }),
        (failure: unknown) => {
          if (!isCancellation(failure)) inbox.push({ kind: "codeEnded", code, end: { failure } });
        },
      );
  }

  async function runCode(name: OwnCode): Promise<CodeEnd | undefined> {
    const packed = await office.readDead(state.letterId);
    const { payloads, memo, dead } = packed === undefined ? { payloads: [], memo: {} } : unpackSeed(packed);
    if (dead === undefined) return undefined;
    const [first] = payloads;
    const input = first && RawValue.fromPayload({ metadata: asBytes(first.metadata), data: first.data });
    return await ownCodeOn(state.taskQueue)[name](input, {
      ...{ version: 1, dead, headers: memo.headers ?? {} },
      ...(input === undefined && { omitted: true }),
    });
  }

  /**
   * Runs it because somebody asked, or because the retention ended.
   *
   * @param how `ends`: the letter expires, also where the job has no such code any more
   */
  async function askCode(
    name: OwnCode,
    signature: LetterSignature,
    { requestIds = state.requestIds, ends = false }: { requestIds?: LetterState["requestIds"]; ends?: boolean },
  ): Promise<ApplicationFailure | undefined> {
    const event: LetterEvent = {
      type: "code_asked",
      atMs: Date.now(),
      ...signatureOf(signature),
      data: { code: name },
    };
    const dropped = dropCode();
    // It closes the letter, so nothing else may be on its way.
    if (name === "onExpire") state = withoutPending(state);
    const clock = name === "onExpire" ? { expiresAtMs: null, retryAtMs: null } : {};
    await project({ requestIds, ...clock }, [...dropped, event], itemOf(signature, "done"));
    const { by, reason } = signature;
    beginCode({
      name,
      asked: { ...(by !== undefined && { by }), ...(reason !== undefined && { reason }) },
      ...(ends && { ends }),
    });
    return undefined;
  }

  async function endCode({ name, asked, ends }: RunningCode, { ran, result, failure }: CodeEnd): Promise<void> {
    const { code: _, ...rest } = state;
    state = rest;
    const why =
      failure !== undefined
        ? codeFailure(failure)
        : ran === false && asked !== undefined && ends !== true
          ? `job ${state.job} has no ${name} in its worker`
          : undefined;
    const data = { code: name, deaths: state.deaths, ...(why !== undefined && { why }), ...(result && { result }) };
    const event: LetterEvent = { type: why === undefined ? "code_ran" : "code_failed", atMs: Date.now(), data };
    if (why !== undefined) {
      state = { ...state, code: { name, failed: why } };
      return void (await project({}, [event]));
    }
    if (ran === true) await project({}, [event]);
    if (name !== "onExpire") return;
    await close("expired", { type: "expired", atMs: Date.now(), ...asked }, state.requestIds);
  }

  /** Whoever takes the letter up goes before its job's own code: what waits for its next try is not tried again. */
  function dropCode(only?: OwnCode): LetterEvent[] {
    const { code, ...rest } = state;
    if (code === undefined || (only !== undefined && code.name !== only)) return [];
    const runs = codeRuns(state);
    state = rest;
    if (!runs) return [];
    codeScope?.cancel();
    return [{ type: "code_dropped", atMs: Date.now(), by: officeActor, data: { code: code.name } }];
  }

  async function ring(): Promise<void> {
    if (state.retryAtMs !== null) await retryPending();
    else if (state.expiresAtMs !== null && Date.now() < state.expiresAtMs) await warn(state.expiresAtMs);
    else if (mayRetryOnExpiry()) {
      const why = await retry({ name: "retry", by: officeActor, reason: "its retention ended" }, "expiry");
      if (why !== undefined) await expire();
    } else if (handsOn(state)) await handOn(state.handOnTo, { by: officeActor, reason: "its retention ended" });
    else await expire();
  }

  /** The retry that was set for later. */
  async function retryPending(): Promise<void> {
    const { automatic, when: _, ...signature } = state.pendingRetry ?? {};
    const why = await retry({ name: "retry", ...signature }, automatic === true ? "automatic" : undefined);
    if (why !== undefined)
      await park([{ type: "refused", atMs: Date.now(), by: officeActor, data: { why: why.message } }]);
  }

  async function expire(): Promise<void> {
    if (hasCode(state, "onExpire"))
      return void (await askCode("onExpire", { by: officeActor, reason: "its retention ended" }, { ends: true }));
    const event: LetterEvent = { type: "expired", atMs: Date.now(), by: officeActor, reason: "its retention ended" };
    const why = await close("expired", event, state.requestIds);
    // A death is on its way, which begins a new retention.
    if (why !== undefined) await condition(() => inbox.length > 0);
  }

  function mayRetryOnExpiry(): boolean {
    return state.onExpire === "retry" && state.expiryRetries < state.maximumRetries;
  }

  /** Goes back to rest, with a new retention unless the old one is still running. */
  async function park(
    events: readonly LetterEvent[],
    expiresAtMs: number | null = null,
    item: Pick<Projection, "item"> = {},
  ): Promise<void> {
    state = withoutPending(state);
    const nowMs = Date.now();
    const runsOn = expiresAtMs !== null && expiresAtMs > nowMs;
    await project(
      { status: "parked", retryAtMs: null, expiresAtMs: runsOn ? expiresAtMs : expiryFrom(nowMs, state.retentionMs) },
      // With a clock of its own again, what was to be its end is none.
      [...events, ...dropCode("onExpire")],
      item,
    );
  }

  async function close(
    status: ClosedStatus,
    event: LetterEvent,
    requestIds: LetterState["requestIds"],
    item?: Pick<Projection, "item">,
  ): Promise<ApplicationFailure | undefined> {
    const atMs = Date.now();
    const kept = state.kept.map((command) => afterClose(command, status));
    const waited = state.kept.map((command) => itemAfterClose(command, status)).find(isItem);
    const change = { status, requestIds, kept: [], expiresAtMs: null, retryAtMs: null };
    const closing = { deaths: state.deaths, reason: event.reason ?? null, atMs };
    const dropped = dropCode();
    const result = await project(change, [event, ...dropped, ...kept], { close: closing, ...waited, ...item });
    if (result === "dying")
      return ApplicationFailure.nonRetryable(
        "The job has just died once more and that death is being recorded. Look at it first, then ask again",
        "LETTER_BUSY",
      );
    show(searchAttributes.status, status);
    return undefined;
  }

  /** Tells the row. A state that the row refused never was. */
  async function project(
    change: Partial<LetterState>,
    events: readonly LetterEvent[],
    more: Partial<Projection> = {},
  ): Promise<ProjectionResult> {
    const next = { ...state, ...change, revision: state.revision + 1 };
    const { letterId, revision, status, expiresAtMs, retryAtMs, retries, expiryRetries } = next;
    const retryWhen = next.pendingRetry?.when ?? null;
    const failedCode = next.code?.failed === undefined ? null : next.code.name;
    const row = { status, expiresAtMs, retryAtMs, retryWhen, failedCode, retries, expiryRetries };
    const result = await office.project({ letterId, revision, events, ...row, ...more });
    if (result !== "dying") state = next;
    return result;
  }

  /** Whether it brings an input that no job worker has looked at. */
  function isUnchecked(command: Command): boolean {
    if (!("input" in command || "unchecked" in command)) return false;
    return command.unchecked === true || (state.kind !== undefined && command.input !== undefined);
  }

  function amendmentOf(command: Command): Pick<Projection, "amendment"> {
    if (!("input" in command) || command.input === undefined) return {};
    const several = state.kind === undefined ? {} : { several: true as const };
    return { amendment: { input: command.input, queue: state.queue, ...several } };
  }

  function showDeath(death: LetterState["lastDeath"]): void {
    show(searchAttributes.category, death.category, state.lastDeath.category);
    show(searchAttributes.errorType, death.errorType, state.lastDeath.errorType);
  }

  /** What came while the letter was closing still gets its answer. */
  async function answerTheRest(): Promise<void> {
    for (;;) {
      const events: LetterEvent[] = [];
      let told: Pick<Projection, "item"> = {};
      for (const item of inbox.splice(0)) {
        if (item.kind === "died") await hearDeath(item.died);
        else if (item.kind === "refused") {
          events.push(refusedEvent(item));
          told = { ...told, ...refusedItem(item) };
        } else if (item.kind === "command" && item.command.name === "note" && !isDone(item.command)) {
          events.push(afterClose(item.command, state.status));
          told = { ...told, ...itemOf(item.command, "done") };
          state = { ...state, requestIds: rememberRequest(state, item.command.requestId) };
          item.settle.resolve();
        } else if (item.kind === "command") {
          const why = refusal(state, item.command);
          if (why === undefined) item.settle.resolve();
          else item.settle.reject(why);
        }
      }
      if (events.length > 0) {
        state = { ...state, revision: state.revision + 1 };
        await office.project({ letterId: state.letterId, revision: state.revision, events, ...told });
      }
      // A handler whose input was still being checked has yet to put its command here.
      await condition(() => inbox.length > 0 || allHandlersFinished());
      if (inbox.length === 0) return;
    }
  }
}

function readOrFail(name: CommandName, given: unknown): Command {
  try {
    return readCommand(name, given);
  } catch (error) {
    throw usageFailure(error);
  }
}

function deathOf(cause: unknown): Death {
  const told = cause instanceof ApplicationFailure && cause.type === diedType ? cause.details?.[0] : undefined;
  if (typeof told !== "object" || told === null) return readForeignDeath(cause);
  waitForNewerOffice("the death of a retry", (told as Death).version);
  return told as Death;
}

/** Throws a plain error, which fails the task and not the letter: it waits for an office that knows the version. */
function waitForNewerOffice(what: string, version: number): void {
  if (version > 1)
    throw new Error(`This office is older than what sent ${what}: it knows version 1, not ${version}. Upgrade it`);
}

/** What a letter says of itself. The inputs and texts that wait for a retry's outcome may be more than an answer can hold. */
function answer(state: LetterState): LetterState {
  return { ...state, kept: state.kept.map(({ name, by, requestId }) => ({ name, by, requestId }) as Command) };
}

/** What a retry is to do otherwise. */
function runOf(command: Command): RunChange {
  return command.name === "retry" && command.run !== undefined ? readRunOptions(command.run) : {};
}

function signatureOf({ by, reason, requestId }: LetterSignature): Pick<LetterEvent, "by" | "reason" | "requestId"> {
  return {
    ...(by !== undefined && { by }),
    ...(reason !== undefined && { reason }),
    ...(requestId !== undefined && { requestId }),
  };
}

function withoutPending({ pendingRetry: _, ...rest }: LetterState): LetterState {
  return rest;
}

/** What is told to the redrive that asked for this, if one did. A letter is in one at a time. */
function itemOf(
  { redrive }: { readonly redrive?: string },
  state: ItemOutcome["state"],
  more: Omit<ItemOutcome, "redrive" | "state"> = {},
): Pick<Projection, "item"> {
  return redrive === undefined ? {} : { item: { redrive, state, ...more } };
}

function signed(type: LetterEventType, command: Command, data?: LetterEvent["data"]): LetterEvent {
  return { type, atMs: Date.now(), ...signatureOf(command), ...(data === undefined ? {} : { data }) };
}

function refusedEvent({ name, given, why }: Extract<Item, { kind: "refused" }>): LetterEvent {
  const { by, reason, requestId } = (typeof given === "object" && given !== null ? given : {}) as Record<
    string,
    unknown
  >;
  const text = (value: unknown) => (typeof value === "string" ? value : undefined);
  const event = { name, by: text(by), reason: text(reason), requestId: text(requestId) } as Command;
  return signed("refused", event, { command: name, why });
}

function refusedItem({ given, why }: Extract<Item, { kind: "refused" }>): Pick<Projection, "item"> {
  const { redrive } = (typeof given === "object" && given !== null ? given : {}) as { redrive?: unknown };
  return typeof redrive === "string" ? { item: { redrive, state: "refused", code: "refused", why } } : {};
}

/** What becomes of a command that waited for a retry which then closed the letter. */
function afterClose(command: Command, status: LetterState["status"]): LetterEvent {
  if (command.name === "note") return signed("noted", command, { text: command.text });
  return signed("refused", command, { command: command.name, why: `the letter was closed meanwhile: ${status}` });
}

function itemAfterClose(command: Command, status: LetterState["status"]): Pick<Projection, "item"> {
  if (command.name === "note") return itemOf(command, "done");
  return itemOf(command, "skipped", { code: "closed", why: `it was closed meanwhile: ${status}` });
}

function isItem({ item }: Pick<Projection, "item">): boolean {
  return item !== undefined;
}

function asBytes(metadata: Readonly<Record<string, string>>): Record<string, Uint8Array> {
  return Object.fromEntries(
    Object.entries(metadata).map(([key, latin1]) => [key, Uint8Array.from(latin1, (char) => char.charCodeAt(0))]),
  );
}

/** Changes a search attribute, if the letter has it: without registered attributes all works but the search. */
function show(name: SearchAttribute, value: string, before?: string): void {
  if (value === before) return;
  const known = workflowInfo().typedSearchAttributes.getAll();
  const pair = known.find(({ key }) => key.name === name);
  if (pair !== undefined) upsertSearchAttributes([{ key: pair.key, value } as typeof pair]);
}
