import type { LetterRow, LetterStory } from "../client/index.ts";
import { errorCodeOf } from "../model/office-error.ts";
import { loadConfig } from "./load-config.ts";
import { withReader } from "./open-reader.ts";
import { hideAsShown } from "./redacted-input.ts";
import type { TargetFlags } from "./target-flags.ts";
import { type Links, webUiLinks } from "../model/web-ui.ts";

/** A letter with all that is known of it. */
export type ReadStory = LetterStory & {
  readonly letter: LetterRow;
  readonly input: ShownInput;
  /** Absent where the address of Temporal Web UI is not known. */
  readonly links?: Links;
};

export type ShownInput = {
  readonly current: unknown;
  /** What was recorded before it was amended. */
  readonly original?: unknown;
  /** Why there is nothing to see, where there is not. */
  readonly unseen?: string;
};

export async function readStory(
  id: string,
  flags: TargetFlags & { readonly ui?: string; readonly config?: string },
): Promise<ReadStory> {
  return await withReader(flags, async (reader) => {
    const letter = await reader.get(id);
    const [story, input] = await Promise.all([
      reader.story(letter.id),
      shownInput(letter, flags, () => reader.encodedInputs(letter.id)),
    ]);
    const ui = flags.ui ?? reader.target.temporal.ui;
    return { letter, ...story, input, ...(ui === undefined ? {} : { links: webUiLinks(ui, letter) }) };
  });
}

/**
 * The bytes have the input as it was given: with its fields in order, the original of an amended one, and what is encrypted.
 * What the tables hide is hidden here too.
 */
async function shownInput(
  letter: LetterRow,
  flags: { readonly config?: string },
  encoded: () => Promise<{ current: Uint8Array | null; original: Uint8Array | null }>,
): Promise<ShownInput> {
  if (letter.payloadOmitted) return { current: null, unseen: "not stored, as its queue says" };
  try {
    const { current, original } = await encoded();
    const decode = await decoder(letter, flags);
    return {
      current: current === null ? letter.payload : await decode(current),
      ...(original === null ? {} : { original: await decode(original) }),
    };
  } catch (error) {
    // A reader of the tables may not select the bytes, and the codec may be somebody else's: the rest is worth showing.
    if (errorCodeOf(error) === undefined && !("sqlState" in ((error as { details?: object }).details ?? {})))
      throw error;
    const why = error instanceof Error ? error.message : String(error);
    return { current: letter.payload, ...(letter.payload === null ? { unseen: why } : {}) };
  }
}

async function decoder(
  letter: LetterRow,
  flags: { readonly config?: string },
): Promise<(data: Uint8Array) => Promise<unknown>> {
  const [{ decodeInput, withoutBytes }, { redact }] = await Promise.all([
    import("../client/decode-input.ts"),
    import("../model/redact.ts"),
  ]);
  const config = (await loadConfig(flags.config))?.config;
  return async (data) => {
    const args = (await decodeInput(data, config?.codec)).map(withoutBytes);
    const value = redact(args.length === 1 ? args[0] : args, config?.redact ?? []);
    return letter.payload === null ? value : hideAsShown(value, letter.payload);
  };
}
