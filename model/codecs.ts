import type { Codec, SharedConfig } from "./config.ts";

/** The codecs of a config, in order. */
export function codecsOf(codec: SharedConfig["codec"]): Codec[] {
  if (codec === undefined) return [];
  return Array.isArray(codec) ? [...(codec as readonly Codec[])] : [codec as Codec];
}
