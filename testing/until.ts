import { type Duration, formatDuration, parseDuration } from "../model/duration.ts";
import { officeErrorOf } from "../model/office-error.ts";

/**
 * Asks until there is an answer other than `false`, `null` or `undefined`, and returns it. An error means "not yet".
 *
 * ```ts
 * const { letters: [letter] } = await until(async () => {
 *   const page = await office.dlo.letters.list({ job: "import-movie" });
 *   return page.letters.length > 0 && page;
 * });
 * ```
 *
 * @param options.waitFor default "30 seconds"
 * @throws {OfficeError} `WAIT_TIMEOUT`; its cause is the last error, if the last answer was one
 */
export async function until<Answer>(
  ask: () => Answer | Promise<Answer>,
  { waitFor = "30 seconds" }: { readonly waitFor?: Duration } = {},
): Promise<Exclude<Answer, false | null | undefined>> {
  const waitMs = parseDuration(waitFor, "waitFor");
  const endAt = performance.now() + waitMs;
  for (;;) {
    const { answer, error } = await attempt(ask);
    if (answer !== undefined && answer !== null && answer !== false)
      return answer as Exclude<Answer, false | null | undefined>;
    if (performance.now() > endAt) {
      const last =
        error === undefined
          ? `the last answer was ${String(answer)}`
          : `the last answer was an error: ${messageOf(error)}`;
      throw officeErrorOf(
        "WAIT_TIMEOUT",
        `What was waited for did not come within ${formatDuration(waitMs)}; ${last}`,
        {},
        { cause: error },
      );
    }
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}

async function attempt<Answer>(ask: () => Answer | Promise<Answer>): Promise<{ answer?: Answer; error?: unknown }> {
  try {
    return { answer: await ask() };
  } catch (error) {
    return { error };
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
