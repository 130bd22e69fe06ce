import type { SharedConfig } from "../model/config.ts";
import { hideLike } from "../model/hidden-fields.ts";
import { errorCodeOf } from "../model/office-error.ts";
import type { Db } from "../schema/database.ts";
import { encodedInputs } from "../schema/encoded-inputs.ts";
import type { LetterRow } from "../schema/rows.ts";
import { decodeInput, shownArguments } from "./decode-input.ts";

/** A letter's input to look at, as its next run gets it, or why it cannot be seen. */
export type SeenInput = { readonly payload: unknown; readonly unread?: never } | { readonly unread: string };

/** What is needed to look at payloads. */
export type Sight = {
  readonly codec: SharedConfig["codec"];
  /** Fields that must not show, beside those that the row hides already. */
  readonly redact: readonly string[];
};

/** From the row's own columns; where they have none, from the encoded bytes. */
export async function seenInput(db: Db, letter: LetterRow, { codec, redact }: Sight): Promise<SeenInput> {
  if (letter.payload !== null) return { payload: hideLike(letter.payload, redact, []) };
  if (letter.payloadOmitted) return { unread: "not stored, as its queue says" };
  return await orUnread(async () => {
    const { current } = await encodedInputs(db, letter.id);
    if (current === null) return { unread: "not stored" };
    return { payload: hideLike(shownArguments(await decodeInput(current, codec)), redact, []) };
  });
}

/** A codec may be somebody else's, and a reader of the tables may not select the bytes: that is said, and all else goes on. */
export async function orUnread(read: () => Promise<SeenInput>): Promise<SeenInput> {
  try {
    return await read();
  } catch (error) {
    const code = errorCodeOf(error);
    if (!(error instanceof Error) || (code !== "CONFIG_INVALID" && code !== "DATABASE_ERROR")) throw error;
    return { unread: error.message };
  }
}
