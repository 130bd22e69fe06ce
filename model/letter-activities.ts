import type { CaptureStart } from "./capture.ts";
import type { DeadLetterPolicy } from "./contract.ts";
import type { Death } from "./death.ts";
import type { LetterEvent } from "./event.ts";
import type { ForeignKind, LastDeath, LetterState } from "./letter-state.ts";
import type { OwnCode } from "./own-code.ts";
import type { QueuePolicy } from "./queue-policy.ts";
import type { Build } from "./run-options.ts";
import type { ItemCode, ItemState } from "./redrive.ts";
import type { SearchAttribute } from "./search-attributes.ts";
import type { Status } from "./status.ts";

/** What letters and dying jobs do to the world. Run by the office; declared here, because workflows may not see the code. */
export type LetterActivities = {
  /** The compensation: writes the record of a death and starts, or tells, its letter. Safe to repeat. */
  parkDeadLetter(request: ParkRequest): Promise<ParkResult>;
  /** Writes the letter of the record with which the calling workflow was begun, or says why not. Safe to repeat. */
  captureRecord(ask: CaptureAsk): Promise<CaptureVerdict>;
  /** Records that a retry is about to start and hands out what it needs: a packed `RunSeed`. Safe to repeat. */
  beginRetry(ask: BeginRetry): Promise<Uint8Array>;
  /** Brings the row to what the letter says. Safe to repeat: the row takes only a newer revision. */
  project(projection: Projection): Promise<ProjectionResult>;
  /** Appends the death of a retry's run, and parks the row again, in one transaction. Safe to repeat. */
  recordDeath(record: DeathRecord): Promise<RecordedDeath>;
  /**
   * Starts a workflow or activity of other make again, as it was started, or resets it to before its failure; with the record that it
   * was asked for. Safe to repeat.
   */
  startAgain(ask: StartAgain): Promise<StartedAgain>;
  /** Waits for the newest run of a workflow id to end; or for a run that the letter started, to the end of its chain. */
  followRun(ask: FollowRun): Promise<FollowedRun>;
  /** Fails, to be asked again, until a probe of the office's config says yes. */
  probeSaysYes(probe: string): Promise<void>;
  /** What is wrong with a probe's name, if anything is. */
  checkProbe(probe: string): Promise<string | undefined>;
  /** The policy that a queue has now. */
  policyOf(queue: string): Promise<QueuePolicy>;
  /**
   * The policy that a letter would have if it died now; undefined where it has that already.
   *
   * @param revision of the letter: with a newer row it was applied before, by a task that a crash lost
   */
  policyNow(letterId: string, revision: number): Promise<QueuePolicy | undefined>;
  /** What its job's own code is told: a packed `RunSeed`, with `dead`. Undefined where the letter is closed, or gone. */
  readDead(letterId: string): Promise<Uint8Array | undefined>;
  /** Refuses a build that has no worker of this task queue, as `BUILD_UNKNOWN`. */
  checkBuild(ask: CheckBuild): Promise<void>;
  /**
   * Puts a run that waits for it onto its build, and lets it begin. Returns why that cannot be, if it cannot: then the run was
   * ended, before anything of it had run. Safe to repeat.
   */
  pinRun(ask: PinRun): Promise<string | null>;
};

/** What a job's own worker answers, whether its handler is one of ours or not. */
export type JobActivities = {
  /** Checks an input against the job's schema. */
  validateInput(job: string, input: unknown): Promise<InputVerdict>;
  /** What the job's contract says of its deaths. */
  describeJob(job: string): Promise<JobDescription>;
};

/** `deadLetter: false`: the job simply fails. Unknown jobs are answered with the known ones. */
export type JobDescription =
  | { readonly known: true; readonly deadLetter: DeadLetterPolicy | false; readonly ownCode?: readonly OwnCode[] }
  | { readonly known: false; readonly knows: readonly string[] };

export type InputVerdict = { readonly valid: true } | { readonly valid: false; readonly violations: readonly string[] };

/** Public between releases: `version` grows when its shape changes, and an office waits on one that it does not know. */
export type ParkRequest = {
  readonly version: 1;
  readonly policy: DeadLetterPolicy;
  readonly death: Death;
};

export type ParkResult = { readonly letterId: string };

/** The argument of the internal signal `died`. Public between releases, as above. */
export type Died = {
  readonly version: 1;
  readonly letterId: string;
  /** Deaths of the letter with this one. */
  readonly deaths: number;
  readonly death: LastDeath;
  /** The letter as the row has it, for whoever has to begin it anew. */
  readonly letter: LetterState;
};

/** The argument of the internal signal `succeeded`: the job of a letter has succeeded, though not by its retry. Public between releases, as above. */
export type Succeeded = {
  readonly version: 1;
  readonly letterId: string;
  readonly workflowId: string;
  readonly runId: string;
  /** When that run closed. */
  readonly atMs: number;
};

export type BeginRetry = {
  readonly letterId: string;
  readonly revision: number;
  readonly event: LetterEvent;
  /** Nobody asked for it: its run is told of the earlier deaths. */
  readonly automatic?: true;
  /** A new input, to be kept in the row and run. */
  readonly amendment?: Amendment;
};

/** A new input for a job, and the dead letter queue whose policy says how it is stored. */
export type Amendment = {
  readonly input: unknown;
  readonly queue: string;
  /** It is no job's: where it takes several arguments, the input is a list of as many. */
  readonly several?: true;
};

export type StartAgain = Omit<BeginRetry, "automatic"> & {
  readonly kind: ForeignKind;
  /** Of the workflow or activity, as the letter is called by it. */
  readonly workflowId: string;
  /** The run that died last. */
  readonly diedRunId: string;
  /** Of the last retry, if there was one. */
  readonly retryRunId?: string;
  /** In place of the one that it was started on. */
  readonly taskQueue?: string;
  readonly fromFailure?: true;
};

/** `held`: the app has a run of the id that is under way, or has succeeded. `refused`: Temporal does not take it. */
export type StartedAgain =
  | { readonly as: "started"; readonly runId: string; readonly resetTo?: ResetTo }
  | { readonly as: "held" }
  | { readonly as: "refused"; readonly why: string };

/** Where a reset went back to: a workflow task that is done anew, in words. */
export type ResetTo = { readonly eventId: number; readonly before: string };

export type Projection = {
  readonly letterId: string;
  readonly revision: number;
  readonly events: readonly LetterEvent[];
  readonly status?: Status;
  readonly expiresAtMs?: number | null;
  readonly retryAtMs?: number | null;
  readonly retryWhen?: string | null;
  readonly retries?: number;
  readonly expiryRetries?: number;
  readonly retriedAtMs?: number;
  /** The run that a retry started just now. */
  readonly retryRunId?: string;
  readonly retentionMs?: number | "indefinite";
  readonly queue?: string;
  /** That of the new queue, where it is handed on, or the one that was applied. */
  readonly policy?: QueuePolicy;
  /** The job's own code that failed; null: it need not be run again. */
  readonly failedCode?: OwnCode | null;
  readonly amendment?: Amendment;
  /** Opens a closed row again, and that alone. */
  readonly reopen?: true;
  /** What came of a redrive's command. */
  readonly item?: ItemOutcome;
  /** Closes the row, provided that it has no more deaths than the letter knows. */
  readonly close?: { readonly deaths: number; readonly reason: string | null; readonly atMs: number };
};

/** What a letter tells the redrive that asked: its item is written with the letter's own row, or not at all. */
export type ItemOutcome = {
  readonly redrive: string;
  readonly state: Exclude<ItemState, "behind" | "waiting">;
  readonly runId?: string;
  /** Why it was refused or skipped. */
  readonly code?: ItemCode;
  readonly why?: string;
};

/** `stale`: the row had this revision or a newer one. `dying`: it has a death that the letter has not heard of yet. */
export type ProjectionResult = "written" | "stale" | "dying";

export type DeathRecord = {
  readonly letterId: string;
  /** Of the job. */
  readonly workflowId: string;
  readonly queue: string;
  readonly revision: number;
  readonly runId: string;
  /** What the run said, or how it ended where it could not say anything. */
  readonly death: Death | { readonly ended: "terminated" | "timed_out" | "failed" };
  /** It is no job's: how it ended stands in its history. */
  readonly kind?: ForeignKind;
  /** Whether the letter started the run itself: its input is then the row's. */
  readonly ownRun: boolean;
  /** The run that the letter started, where this one goes on in its place: it may have another input. */
  readonly begunAs?: string;
  /** The redrive that started the run. */
  readonly redrive?: string;
  readonly expiresAtMs: number | null;
  readonly atMs: number;
};

export type RecordedDeath = { readonly deaths: number; readonly death: LastDeath };

export type CheckBuild = { readonly build: Build; readonly taskQueue: string };

export type PinRun = CheckBuild & { readonly workflowId: string; readonly runId: string };

export type FollowRun = {
  readonly workflowId: string;
  readonly exceptRunId?: string;
  /** Absent: a workflow. */
  readonly kind?: ForeignKind;
  /** This run, and what goes on in its place, rather than the newest run of the id. */
  readonly runId?: string;
};

export type FollowedRun = {
  readonly runId: string;
  /** True: it is the run that was to be left out, so there is no other. */
  readonly excepted: boolean;
  readonly outcome: "completed" | "failed" | "cancelled" | "terminated" | "timed_out" | "gone";
};

export type CaptureAsk = CaptureStart & {
  /** What the job's own worker said; null: none did. Absent: nobody was asked yet. */
  readonly described?: JobDescription | null;
};

/**
 * What the office does with a record. `ask`: the job's own worker has to describe the job first. A letter that was there comes back as
 * it is, open or closed.
 */
export type CaptureVerdict =
  | {
      readonly outcome: "letter";
      readonly letter: LetterState;
      readonly isNew: boolean;
      /** Those that the namespace has registered. */
      readonly attributes: Readonly<Partial<Record<SearchAttribute, string>>>;
    }
  | { readonly outcome: "refused"; readonly code: CaptureRefusal; readonly why: string }
  | { readonly outcome: "ask" };

export type CaptureRefusal = "CAPTURE_REFUSED" | "JOB_UNKNOWN" | "INPUT_TOO_LARGE";
