import { defaultPayloadConverter } from "@temporalio/common";
import type proto from "@temporalio/proto";
import { cleanJson } from "../model/clean.ts";
import { codecsOf, decodeAll } from "../model/codecs.ts";
import type { SharedConfig } from "../model/config.ts";
import { officeErrorOf } from "../model/office-error.ts";
import { asRunMemo, type RunMemo } from "../model/run-memo.ts";

/**
 * The arguments in a row's serialized payloads.
 *
 * @throws {OfficeError} `CONFIG_INVALID` where they are encrypted and the codec is missing, or not theirs
 */
export async function decodeInput(data: Uint8Array, codec: SharedConfig["codec"]): Promise<unknown[]> {
  const { Payloads } = await messages();
  return await decodePayloads(() => Payloads.decode(data).payloads, codec);
}

/** The memo of a row's run. Throws as `decodeInput` does. */
export async function decodeMemo(data: Uint8Array | null, codec: SharedConfig["codec"]): Promise<RunMemo> {
  if (data === null) return {};
  const { Payload } = await messages();
  const [memo] = await decodePayloads(() => [Payload.decode(data)], codec);
  return asRunMemo(memo);
}

/** The values of payloads as Temporal gives them. Throws as `decodeInput` does. */
export async function decodePayloads(
  payloads: () => readonly proto.temporal.api.common.v1.IPayload[],
  codec: SharedConfig["codec"],
): Promise<unknown[]> {
  try {
    return (await decodeAll(payloads(), codecsOf(codec))).map((payload) =>
      defaultPayloadConverter.fromPayload(payload),
    );
  } catch (error) {
    throw officeErrorOf(
      "CONFIG_INVALID",
      `The recorded input cannot be decoded: ${error instanceof Error ? error.message : String(error)}. If payloads are encrypted, name their codec in dlo.config`,
      {},
      { cause: error },
    );
  }
}

/** Arguments as a row's `payload` shows them: the one by itself, several as a list, bytes as base64, in text that Postgres takes. */
export function shownArguments(args: readonly unknown[]): unknown {
  const values = args.map(withoutBytes);
  return cleanJson(values.length === 1 ? values[0] : values.length === 0 ? null : values).value;
}

/** Bytes don't show in JSON. */
export function withoutBytes(value: unknown): unknown {
  return value instanceof Uint8Array ? { base64: Buffer.from(value).toString("base64") } : value;
}

/** Loaded where an input is read: they take a third of a second, and a list of letters needs none. */
async function messages(): Promise<typeof proto.temporal.api.common.v1> {
  const { default: loaded } = await import("@temporalio/proto");
  return loaded.temporal.api.common.v1;
}
