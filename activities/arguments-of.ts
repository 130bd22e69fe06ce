import { decodeAll } from "../model/codecs.ts";
import type { Codec } from "../model/config.ts";
import type { Amendment } from "../model/letter-activities.ts";
import type { Db } from "../schema/database.ts";
import { encodedInputs } from "../schema/encoded-inputs.ts";
import { type Payload, payloadsOf, readsAsBytes } from "./stored-payloads.ts";
import { translated } from "./translated.ts";

/** What a new input is to be made of: for each argument whether it is bytes. */
export type Arguments = readonly { readonly isBytes: boolean }[];

/** One value for a job; as many as it was started with for all else. */
export async function argumentsOf(
  { db, codecs }: { readonly db: Db; readonly codecs: readonly Codec[] },
  letterId: string,
  amendment: Amendment | undefined,
): Promise<Arguments> {
  if (amendment?.several !== true) return oneValue;
  const { current } = await translated(async () => encodedInputs(db, letterId));
  if (current === null) return oneValue;
  const payloads = payloadsOf(current);
  return (await readable(payloads, codecs)).map((payload) => ({ isBytes: readsAsBytes(payload) }));
}

/** As they are, where the office does not have their codec: that must not hold up the letter. */
async function readable(payloads: readonly Payload[], codecs: readonly Codec[]): Promise<readonly Payload[]> {
  try {
    return await decodeAll(payloads, codecs);
  } catch {
    return payloads;
  }
}

const oneValue: Arguments = [{ isBytes: false }];
