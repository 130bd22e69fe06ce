import type { DeadRecord } from "./own-code.ts";
import type { RunMemo } from "./run-memo.ts";

/**
 * What a letter needs to run its job again: the input's payloads and the memo.
 *
 * Packed as bytes, so that it passes through Temporal as `binary/plain` at its own size: as JSON the payloads would have
 * to be base64 and grow by a third, which Temporal's limit of 2 MiB a payload would then refuse.
 */
export type RunSeed = {
  readonly payloads: readonly SeedPayload[];
  readonly memo: RunMemo;
  /** For its own code. */
  readonly dead?: DeadRecord;
};

/** A payload as Temporal has it, after its codec. */
export type SeedPayload = { readonly metadata: Readonly<Record<string, string>>; readonly data: Uint8Array };

type Header = Omit<RunSeed, "payloads"> & {
  readonly payloads: readonly { metadata: Record<string, string>; bytes: number }[];
};

/** Layout: 4 bytes of header length (big endian), the header as JSON, then each payload's data. */
export function packSeed({ payloads, ...seed }: RunSeed): Uint8Array {
  const header: Header = {
    ...seed,
    payloads: payloads.map(({ metadata, data }) => ({ metadata: { ...metadata }, bytes: data.length })),
  };
  const head = new TextEncoder().encode(JSON.stringify(header));
  const packed = new Uint8Array(4 + head.length + payloads.reduce((sum, { data }) => sum + data.length, 0));
  new DataView(packed.buffer).setUint32(0, head.length);
  packed.set(head, 4);
  let at = 4 + head.length;
  for (const { data } of payloads) {
    packed.set(data, at);
    at += data.length;
  }
  return packed;
}

export function unpackSeed(packed: Uint8Array): RunSeed {
  const headBytes = new DataView(packed.buffer, packed.byteOffset, packed.byteLength).getUint32(0);
  const header = JSON.parse(new TextDecoder().decode(packed.subarray(4, 4 + headBytes))) as Header;
  let at = 4 + headBytes;
  const { payloads: sizes, ...seed } = header;
  const payloads = sizes.map(({ metadata, bytes }) => {
    const data = packed.slice(at, at + bytes);
    at += bytes;
    return { metadata, data };
  });
  return { ...seed, payloads };
}
