import { METADATA_ENCODING_KEY, type Payload, type PayloadCodec } from "@temporalio/common";
import { temporal } from "@temporalio/proto";

const mirrored = "binary/mirrored";
const { Payload: PayloadProto } = temporal.api.common.v1;

/** What the foreign workers call by this name: each payload back to front, under an encoding of its own. */
export const mirrorCodec: PayloadCodec = {
  encode: async (payloads) =>
    payloads.map((plain) => ({
      metadata: { [METADATA_ENCODING_KEY]: Buffer.from(mirrored) },
      data: PayloadProto.encode(plain).finish().toReversed(),
    })),
  decode: async (payloads) => payloads.map((written) => (isMirrored(written) ? opened(written) : written)),
};

function isMirrored({ metadata }: Payload): boolean {
  return Buffer.from(metadata?.[METADATA_ENCODING_KEY] ?? []).toString() === mirrored;
}

function opened({ data }: Payload): Payload {
  const { metadata, data: plain } = PayloadProto.decode(data!.toReversed());
  return { metadata, data: plain };
}
