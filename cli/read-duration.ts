import { InvalidArgumentError } from "@commander-js/extra-typings";
import { parseRetention } from "../model/contract.ts";
import { type Duration, parseDuration } from "../model/duration.ts";

/** Reads an option that is a span of time. */
export function durationArgument(text: string): Duration {
  return checked(text, () => parseDuration(text, "it", { minimumMs: 0 }));
}

/** Reads a span of time, or `indefinite`. */
export function retentionArgument(text: string): Duration | "indefinite" {
  return checked(text, () => parseRetention(text, "it"));
}

function checked<Span extends Duration | "indefinite">(text: string, check: () => unknown): Span {
  try {
    check();
  } catch (error) {
    throw new InvalidArgumentError(error instanceof Error ? error.message : String(error));
  }
  return text as Span;
}
