import { defaultPayloadConverter } from "@temporalio/common";
import proto from "@temporalio/proto";
import { codecsOf, decodeAll } from "../model/codecs.ts";
import type { SharedConfig } from "../model/config.ts";
import { officeErrorOf } from "../model/office-error.ts";

/**
 * The arguments in a row's serialized payloads.
 *
 * @throws {OfficeError} `CONFIG_INVALID` where they are encrypted and the codec is missing, or not theirs
 */
export async function decodeInput(data: Uint8Array, codec: SharedConfig["codec"]): Promise<unknown[]> {
  try {
    const { payloads } = proto.temporal.api.common.v1.Payloads.decode(data);
    return (await decodeAll(payloads, codecsOf(codec))).map((payload) => defaultPayloadConverter.fromPayload(payload));
  } catch (error) {
    throw officeErrorOf(
      "CONFIG_INVALID",
      `The recorded input cannot be decoded: ${error instanceof Error ? error.message : String(error)}. If payloads are encrypted, name their codec in dlo.config`,
      {},
      { cause: error },
    );
  }
}
