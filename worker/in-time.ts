import { formatDuration } from "../model/duration.ts";
import { officeErrorOf } from "../model/office-error.ts";

const patienceMs = 5_000;

/**
 * Waits for an answer for at most 5 seconds. The question itself goes on.
 *
 * @throws {OfficeError} `WAIT_TIMEOUT`
 */
export async function inTime<Answer>(what: string, answer: Promise<Answer>): Promise<Answer> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    const waited = formatDuration(patienceMs);
    timer = setTimeout(
      () => reject(officeErrorOf("WAIT_TIMEOUT", `${what} did not answer within ${waited}`, { what, waited })),
      patienceMs,
    );
  });
  try {
    return await Promise.race([answer, late]);
  } finally {
    clearTimeout(timer);
  }
}
