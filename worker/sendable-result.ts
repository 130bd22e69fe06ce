import { ApplicationFailure, defaultPayloadConverter, RawValue } from "@temporalio/common";

/** Temporal refuses 2 MiB. */
const largestResultBytes = 1_900_000;

/**
 * A handler's result, converted already.
 *
 * What cannot be sent fails here, as an error like any other, and not behind the attempt, where it would cost the ledger.
 */
export function sendableResult(result: unknown): unknown {
  if (result === undefined) return undefined;
  const payload = converted(result);
  const bytes = payload.data?.length ?? 0;
  if (bytes <= largestResultBytes) return RawValue.fromPayload(payload);
  throw ApplicationFailure.nonRetryable(
    `The handler's result has ${bytes} bytes, and at most ${largestResultBytes} pass through Temporal. Store it elsewhere and return a reference to it`,
    "ResultTooLarge",
  );
}

function converted(result: unknown) {
  try {
    return defaultPayloadConverter.toPayload(result);
  } catch (error) {
    throw ApplicationFailure.nonRetryable(
      `The handler's result cannot be sent: ${error instanceof Error ? error.message : String(error)}. Return plain JSON or bytes`,
      "ResultUnsendable",
      undefined,
    );
  }
}
