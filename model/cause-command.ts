import type { Signature } from "./command.ts";
import type { Duration } from "./duration.ts";

/** Says that a cause is mended. It returns when it kills again. */
export type ResolveCause = Signature & {
  /** The build that mends it: deaths in builds that were known before don't bring it back. */
  readonly inBuild?: string;
};

/** Says that a cause may go on killing for now. Without a rule, until somebody says otherwise. */
export type IgnoreCause = Signature & IgnoreRule;

export type IgnoreRule =
  | { readonly until?: undefined; readonly deaths?: undefined; readonly rate?: undefined }
  /** Until this time; a duration counts from now. */
  | { readonly until: Date | Duration }
  /** Until it has killed so many times more, up to 100,000. */
  | { readonly deaths: number }
  /** Until it kills so many times, up to 100,000, within a span. */
  | { readonly rate: { readonly deaths: number; readonly within: Duration } };

export type ReopenCause = Signature;
/** Replaces what was noted on it; "" takes it away. */
export type NoteCause = Signature & { readonly text: string };
/** Null: nobody. */
export type AssignCause = Signature & { readonly owner: string | null };
export type RenameCause = Signature & { readonly title: string };
