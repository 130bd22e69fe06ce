import type { Progress } from "../model/ledger.ts";
import type { Reproduced } from "../worker/reproduce-attempt.ts";
import type { Output } from "./output-flag.ts";

export type ReproductionFlags = {
  readonly output: Output;
  readonly input?: string;
  readonly original?: true;
  readonly inspectBrk?: number | true;
};

/** How a reproduction ended, beside what it was of. */
export type Reproduction = Reproduced & {
  readonly letter: string;
  readonly attempt: number;
  /** Whether it failed of the cause that the letter died of. */
  readonly sameCause: boolean;
  readonly heartbeats: readonly unknown[];
  readonly progress: readonly Progress[];
};
