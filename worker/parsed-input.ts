import { checkInput } from "../model/check-input.ts";
import type { Job } from "../model/job.ts";

/** An input as the handler gets it. A schema that throws, or refuses it, must not keep other code of the job from being run. */
export async function parsedInput({ input: schema }: Job, input: unknown): Promise<{ input?: unknown }> {
  try {
    const checked = await checkInput(schema, input);
    return checked.valid ? { input: checked.value } : {};
  } catch {
    return {};
  }
}
