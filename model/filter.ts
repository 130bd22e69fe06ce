import type { Category } from "./category.ts";
import type { Duration } from "./duration.ts";
import type { OwnCode } from "./own-code.ts";
import type { Reason } from "./reason.ts";
import type { Status } from "./status.ts";

/**
 * Which letters are meant. One type for list, count, causes, stats and export, and one wording in the command line's flags, in a
 * line of text (`job:import-movie failed:<4h -tag:vip "refused"`), in TypeScript and in a URL.
 *
 * A letter must fit every condition, and within one condition any of the values. What is absent doesn't matter.
 */
export type Filter = Conditions & {
  /** Letters that fit any of these conditions are left out. */
  readonly not?: Conditions;
};

export type Conditions = {
  readonly namespace?: OneOrMore<string>;
  /** What died. */
  readonly kind?: OneOrMore<"job" | "workflow" | "activity" | "record" | "step">;
  /** Names; `*` stands for any characters. */
  readonly job?: OneOrMore<string>;
  /** Names of dead letter queues; `*` stands for any characters. */
  readonly queue?: OneOrMore<string>;
  readonly status?: OneOrMore<Status | "open" | "closed">;
  readonly category?: OneOrMore<Category>;
  readonly reason?: OneOrMore<Reason>;
  /** Whether the category is one that a person must look at. */
  readonly needsPerson?: boolean;
  /** Types of the last error; `*` stands for any characters. */
  readonly error?: OneOrMore<string>;
  /** Types of the error of any attempt of any death; `*` stands for any characters. */
  readonly anyError?: OneOrMore<string>;
  /** Ids of causes, whole or their first 4 or more digits. */
  readonly cause?: OneOrMore<string>;
  /** Build of the worker that died last. */
  readonly build?: OneOrMore<string>;
  readonly key?: OneOrMore<string>;
  /** Workflow ids of jobs. */
  readonly workflowId?: OneOrMore<string>;
  /** The caller's groups. */
  readonly batch?: OneOrMore<string>;
  readonly tag?: OneOrMore<string>;
  /** Text in the last error's message or in the payload, whatever its case. Three characters or more; all of several must be there. */
  readonly text?: OneOrMore<string>;
  /** What the payload must have. All of several must hold. */
  readonly payload?: OneOrMore<PathCondition>;
  readonly headers?: OneOrMore<PathCondition>;
  /** Where a captured record came from. */
  readonly source?: OneOrMore<PathCondition>;
  /** The last death. */
  readonly failed?: TimeRange;
  /** The first death: the letter's age. */
  readonly firstFailed?: TimeRange;
  readonly closed?: TimeRange;
  /** The end of the retention; letters that never expire don't fit. */
  readonly expires?: TimeRange;
  readonly deaths?: NumberRange;
  readonly attempts?: NumberRange;
  /** Runs that a retry started. */
  readonly retries?: NumberRange;
  /** Whether a retry was ever started. */
  readonly retried?: boolean;
  /** Whose job's own code failed last: what of it. */
  readonly failedCode?: OneOrMore<OwnCode>;
};

export type OneOrMore<T> = T | readonly T[];

export type PathCondition = {
  /** Keys from the outside in; a number picks from an array. */
  readonly path: readonly (string | number)[];
  /** `~`: the text has it somewhere, whatever its case. `exists` takes no value. Others than `=` and `!=` compare numbers with numbers and texts with texts, and nothing else fits. */
  readonly is: "=" | "!=" | "<" | "<=" | ">" | ">=" | "~" | "exists";
  readonly value?: string | number | boolean | null;
};

/** All bounds that are there must hold. Counted back from now for the past, forward for `expires`. */
export type TimeRange = {
  /** At this time or later. */
  readonly from?: Date | string;
  /** Before this time. */
  readonly to?: Date | string;
  /** Less than this away from now. */
  readonly within?: Duration;
  /** More than this away from now. */
  readonly beyond?: Duration;
};

export type NumberRange = number | { readonly min?: number; readonly max?: number };

/** The order of a list. `expiring` has open letters alone, soonest first; `deaths` those that died most often first. */
export const letterOrders = ["newest", "oldest", "expiring", "deaths"] as const;

export type LetterOrder = (typeof letterOrders)[number];
