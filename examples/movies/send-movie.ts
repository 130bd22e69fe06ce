import { z } from "zod";
import { violation, type Violation } from "./good-movie.ts";
import type { RawMovie } from "./raw-movie.ts";

/** The catalogue will not take this record, however often it is sent; `violations` has all that is wrong with it. */
export class BadRecord extends Error {
  override readonly name = "BadRecord";
  /** The HTTP status, by which the office knows whose fault it is. */
  readonly status = 422;
  readonly violations: readonly Violation[];

  constructor(violations: readonly Violation[]) {
    super(violations.map(({ field, problem }) => `${field} ${problem}`).join("; "));
    this.violations = violations;
  }
}

/** The catalogue answered, but neither took the record nor found fault with it. */
export class CatalogueError extends Error {
  override readonly name = "CatalogueError";
  /** The HTTP status. */
  readonly status: number;

  constructor(status: number, text: string) {
    super(`The catalogue answered ${status}: ${text.slice(0, 500)}`);
    this.status = status;
  }
}

/**
 * Sends one record to the catalogue, which stores it once per idempotency key: a repeat is `"repeated"`.
 *
 * @throws {BadRecord} the record itself is wrong (422)
 * @throws {CatalogueError} any other answer that is no success, such as 409 for a key that holds another record
 * @throws {TypeError} `fetch failed`, as `fetch` throws it, with the network's error as `cause`
 */
export async function sendMovie(
  catalogueUrl: string,
  record: RawMovie,
  idempotencyKey: string,
  signal: AbortSignal,
): Promise<"stored" | "repeated"> {
  const response = await fetch(new URL("/movies", catalogueUrl), {
    method: "POST",
    headers: { "content-type": "application/json", "idempotency-key": idempotencyKey },
    body: JSON.stringify(record),
    signal,
  });
  const text = await response.text();
  if (response.status === 422) throw new BadRecord(refusal.parse(JSON.parse(text)).violations);
  if (!response.ok) throw new CatalogueError(response.status, text);
  return response.status === 201 ? "stored" : "repeated";
}

const refusal = z.object({ violations: z.array(violation).min(1) });
