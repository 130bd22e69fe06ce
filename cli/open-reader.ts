import type { LetterReader } from "../client/reader.ts";
import { type TargetFlags, targetOptions } from "./target-flags.ts";

/** Opens the tables, does the work, and closes whatever happens. Needs no Temporal. */
export async function withReader<Result>(
  flags: TargetFlags,
  work: (reader: LetterReader) => Promise<Result>,
): Promise<Result> {
  const { openReader } = await import("../client/reader.ts");
  const reader = openReader(targetOptions(flags));
  try {
    return await work(reader);
  } finally {
    await reader.close();
  }
}
