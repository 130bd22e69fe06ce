import type { Codec, SharedConfig } from "./config.ts";

/** The codecs of a config, in order. */
export function codecsOf(codec: SharedConfig["codec"]): Codec[] {
  if (codec === undefined) return [];
  return Array.isArray(codec) ? [...(codec as readonly Codec[])] : [codec as Codec];
}

/** Payloads through all codecs, as Temporal's SDK does it: the first one first. */
export async function encodeAll<Payload>(payloads: readonly Payload[], codecs: readonly Codec[]): Promise<Payload[]> {
  let encoded = [...payloads];
  for (const codec of codecs) encoded = await codec.encode(encoded);
  return encoded;
}

/** Payloads without their encryption: the last codec first. */
export async function decodeAll<Payload>(payloads: readonly Payload[], codecs: readonly Codec[]): Promise<Payload[]> {
  let decoded = [...payloads];
  for (const codec of codecs.toReversed()) decoded = await codec.decode(decoded);
  return decoded;
}
