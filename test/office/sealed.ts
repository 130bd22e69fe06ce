import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";
import { METADATA_ENCODING_KEY, type Payload, type PayloadCodec } from "@temporalio/common";
import { temporal } from "@temporalio/proto";

const encoding = "binary/encrypted";
const { Payload: PayloadProto } = temporal.api.common.v1;

/** Encrypts payloads with AES-256-GCM, as Temporal's samples do; what is not encrypted passes through. */
export class SealedCodec implements PayloadCodec {
  readonly #key: Buffer;

  constructor(key: Buffer = randomBytes(32)) {
    this.#key = key;
  }

  async encode(payloads: Payload[]): Promise<Payload[]> {
    return payloads.map((payload) => {
      const nonce = randomBytes(12);
      const cipher = createCipheriv("aes-256-gcm", this.#key, nonce);
      const sealed = Buffer.concat([cipher.update(PayloadProto.encode(payload).finish()), cipher.final()]);
      return {
        metadata: { [METADATA_ENCODING_KEY]: Buffer.from(encoding) },
        data: Buffer.concat([nonce, cipher.getAuthTag(), sealed]),
      };
    });
  }

  async decode(payloads: Payload[]): Promise<Payload[]> {
    return payloads.map((payload) => {
      if (!isSealed(payload)) return payload;
      const data = Buffer.from(payload.data!);
      const decipher = createDecipheriv("aes-256-gcm", this.#key, data.subarray(0, 12));
      decipher.setAuthTag(data.subarray(12, 28));
      const { metadata, data: opened } = PayloadProto.decode(
        Buffer.concat([decipher.update(data.subarray(28)), decipher.final()]),
      );
      return { metadata, data: opened };
    });
  }
}

function isSealed({ metadata }: Payload): boolean {
  const found = metadata?.[METADATA_ENCODING_KEY];
  return found !== undefined && Buffer.from(found).toString() === encoding;
}
