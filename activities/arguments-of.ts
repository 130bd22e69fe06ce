import type { Amendment } from "../model/letter-activities.ts";
import type { Db } from "../schema/database.ts";
import { encodedInputs } from "../schema/encoded-inputs.ts";
import { payloadsOf } from "./stored-payloads.ts";
import { translated } from "./translated.ts";

/** How many arguments a new input has to be made of: one for a job, as many as it was started with for all else. */
export async function argumentsOf(db: Db, letterId: string, amendment: Amendment | undefined): Promise<number> {
  if (amendment?.several !== true) return 1;
  const { current } = await translated(async () => encodedInputs(db, letterId));
  return current === null ? 1 : payloadsOf(current).length;
}
