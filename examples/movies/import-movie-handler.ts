import { importMovie } from "./import-movie.ts";
import { sendMovie } from "./send-movie.ts";

/**
 * The code of the job `import-movie`, for a worker.
 *
 * Errors are left as they are: the office files a `BadRecord` under `data`, by its HTTP status, and the network's own
 * errors under `network`.
 *
 * @param catalogueUrl asked at each attempt, as the worker may run before the catalogue does
 */
export function importInto(catalogueUrl: () => string) {
  return importMovie.handle(
    async (movie, { idempotencyKey, signal }) => await sendMovie(catalogueUrl(), movie, idempotencyKey, signal),
  );
}
