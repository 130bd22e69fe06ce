import type { Client } from "@temporalio/client";
import type proto from "@temporalio/proto";
import { decodeAll } from "../model/codecs.ts";
import type { Codec } from "../model/config.ts";
import { type ErrorRecord, recordError } from "../model/error-record.ts";
import type { Payload } from "./stored-payloads.ts";

export type Failure = proto.temporal.api.failure.v1.IFailure;

type Payloads = proto.temporal.api.common.v1.IPayloads;

/**
 * A failure of history as a record: the chain of its causes, without what Temporal merely wrapped around it at the top ("Activity
 * task failed"). Encoded attributes and details are decoded; where they cannot be, what is plain is said.
 */
export async function readFailure(
  client: Client,
  codecs: readonly Codec[],
  failure: Failure | null | undefined,
): Promise<ErrorRecord> {
  if (!failure) return { type: "UnknownFailure", message: "Temporal says of no failure", causes: [] };
  const { failureConverter, payloadConverter } = client.options.loadedDataConverter;
  const asError = (plain: Failure) => failureConverter.failureToError(plain, payloadConverter);
  let error: unknown;
  try {
    error = asError(await decoded(failure, async (payloads) => await decodeAll(payloads, codecs)));
  } catch {
    // Of a codec that the office does not have, or of a value that it cannot read.
    error = asError(await decoded(failure, async () => []));
  }
  return named(withoutNothing(recordError(withoutWrapper(error))));
}

type Decode = (payloads: readonly Payload[]) => Promise<Payload[]>;

/** The payloads within a failure, and within its causes, through the codec. */
async function decoded(failure: Failure, decode: Decode): Promise<Failure> {
  const one = async (payload: Payload | null | undefined) => (payload ? ((await decode([payload]))[0] ?? null) : null);
  const many = async (payloads: Payloads | null | undefined): Promise<Payloads | null> =>
    payloads ? { payloads: await decode(payloads.payloads ?? []) } : null;
  const { applicationFailureInfo: application, timeoutFailureInfo: timeout, canceledFailureInfo: cancelled } = failure;
  return {
    ...failure,
    encodedAttributes: await one(failure.encodedAttributes),
    cause: failure.cause ? await decoded(failure.cause, decode) : null,
    applicationFailureInfo: application ? { ...application, details: await many(application.details) } : null,
    timeoutFailureInfo: timeout ? { ...timeout, lastHeartbeatDetails: await many(timeout.lastHeartbeatDetails) } : null,
    canceledFailureInfo: cancelled ? { ...cancelled, details: await many(cancelled.details) } : null,
  };
}

const wrappers = new Set(["ActivityFailure", "ChildWorkflowFailure", "NexusOperationFailure"]);

function withoutWrapper(error: unknown): unknown {
  let inner = error;
  while (inner instanceof Error && wrappers.has(inner.name) && inner.cause instanceof Error) inner = inner.cause;
  return inner;
}

/** Every failure has a place for details, most often an empty one. */
function withoutNothing({ properties, ...error }: ErrorRecord): ErrorRecord {
  const { details, ...rest } = properties ?? {};
  const isEmpty = Array.isArray(details) && details.length === 0;
  const left = isEmpty ? rest : (properties ?? {});
  return { ...error, ...(Object.keys(left).length === 0 ? {} : { properties: left }) };
}

/** As jobs have them: a timeout is called by what it bounds. */
function named(error: ErrorRecord): ErrorRecord {
  const bounds = error.type === "TimeoutFailure" ? error.properties?.["timeoutType"] : undefined;
  if (typeof bounds !== "string") return error;
  const words = bounds.toLowerCase().split("_");
  return { ...error, type: `${words.map((word) => (word[0] ?? "").toUpperCase() + word.slice(1)).join("")}Timeout` };
}
