import type { ForeignKind } from "./letter-state.ts";
import type { PolicyChange } from "./policy-change.ts";
import type {
  RedriveControl,
  RedriveCounts,
  RedriveLimits,
  RedriveSpec,
  RedriveStatus,
  RedriveStop,
} from "./redrive.ts";

/** What a redrive does to the world. Run by the office; declared here, because workflows may not see the code. */
export type RedriveActivities = {
  /** Writes the redrive and the snapshot of its letters. Safe to repeat: the first snapshot stays. */
  prepareRedrive(spec: RedriveSpec): Promise<RedriveProgress>;
  /** Asks the letters whose turn it is, at the rate, and counts the outcomes, until the slice is over or something else has to be done. */
  driveRedrive(slice: RedriveSlice): Promise<DrivenSlice>;
  /** Pauses, resumes, cancels or changes it, and tells who did. Safe to repeat. */
  controlRedrive(control: RedriveChange): Promise<RedriveProgress>;
  /** Gives what was not tried its outcome, and writes the balance. Safe to repeat. */
  finishRedrive(finish: { readonly redriveId: string }): Promise<RedriveProgress>;
  /** What a redrive of these letters would do. Writes nothing. */
  previewRedrive(spec: RedriveSpec): Promise<RedrivePreview>;
};

export type RedriveProgress = {
  readonly status: RedriveStatus;
  readonly counts: RedriveCounts;
  readonly limits: RedriveLimits;
  readonly stop?: RedriveStop;
};

export type RedriveSlice = { readonly redriveId: string; readonly sliceMs: number; readonly nextDueMs?: number };

export type DrivenSlice = RedriveProgress & {
  /** `done`: every letter has its outcome, or the wait for the last ones is over. */
  readonly ended: "slice" | "control" | "done";
  readonly nextDueMs?: number;
};

export type RedriveChange = {
  readonly redriveId: string;
  readonly name: RedriveControl;
  readonly limits?: Partial<RedriveLimits>;
  readonly by?: string;
  readonly reason?: string;
  readonly requestId: string;
};

/** Letters that would be left out or refused, by reason, and some of each. */
export type RedrivePreview = {
  /** How many would be asked. */
  readonly takes: number;
  readonly leavesOut: readonly {
    readonly code: string;
    readonly why: string;
    readonly letters: number;
    readonly samples: readonly string[];
  }[];
  readonly samples: readonly PreviewedLetter[];
  /** Where policies are applied: what changes, for how many letters; those whose policy stays are not in it. At most 200. */
  readonly policies?: readonly PreviewedPolicy[];
};

export type PreviewedPolicy = {
  readonly queue: string;
  readonly letters: number;
  /** Each part of the policy as it was and would be, in milliseconds. */
  readonly change: PolicyChange;
  /** Letters whose retention would be over at once. */
  readonly ended: number;
};

export type PreviewedLetter = {
  readonly letterId: string;
  readonly workflowId: string;
  readonly job: string;
  readonly taskQueue: string;
  readonly errorType: string;
  readonly errorMessage: string;
  /** It is no job: nobody can check its input. */
  readonly kind?: ForeignKind;
  /** What the job would get, for its worker to check; left out of the answer, and absent where it is large. */
  readonly input?: unknown;
  /** Where a change of inputs is asked for: what it makes of this one, redacted. */
  readonly amended?: { readonly before: unknown; readonly after: unknown };
  /** Why it would be refused, as far as it could be asked. */
  readonly refused?: string;
};
