import { InvalidArgumentError } from "@commander-js/extra-typings";
import { parseRetention } from "../model/contract.ts";
import { type Duration, parseDuration } from "../model/duration.ts";

/** Reads an option that is a span of time. */
export function durationArgument(text: string): Duration {
  return checked(text, 'a duration such as 10m or "2 hours"', () => parseDuration(text, "it", { minimumMs: 0 }));
}

/** Reads a span of time, or `indefinite`. */
export function retentionArgument(text: string): Duration | "indefinite" {
  return checked(text, 'a duration such as 60d or "30 days", or indefinite', () => parseRetention(text, "it"));
}

function checked<Span extends Duration | "indefinite">(text: string, wanted: string, check: () => unknown): Span {
  try {
    check();
  } catch (error) {
    // Commander says what was got, and what is expected is said here in a shell's words.
    const why = String((error as Error).message).replace(/^Expected it to be .*, got .* \(string\): /s, "");
    throw new InvalidArgumentError(`It takes ${wanted}; ${why}`);
  }
  return text as Span;
}
