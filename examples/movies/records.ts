import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { z } from "zod";
import { rawMovie, type RawMovie } from "./raw-movie.ts";

export { rawMovie, type RawMovie };

/**
 * The 3,201 records of `movies.json` in the npm package `vega-datasets`, in the file's order.
 *
 * @throws if the package is not installed, or a record does not fit `rawMovie`
 */
export function loadRecords(): readonly RawMovie[] {
  const file = moviesFile();
  const read = z.array(rawMovie).safeParse(JSON.parse(readFileSync(file, "utf8")));
  if (!read.success) {
    throw new Error(`${file} is not the file of vega-datasets 3.2.1; run npm ci.\n${z.prettifyError(read.error)}`);
  }
  return read.data;
}

/** The job id of the record at `index`, which counts from 0: `movie-0001` to `movie-3201`. */
export function recordId(index: number): string {
  assert(Number.isSafeInteger(index) && index >= 0, `A record's index is a whole number from 0, got ${index}`);
  return `movie-${String(index + 1).padStart(4, "0")}`;
}

function moviesFile(): string {
  // The package exports its entry alone, so the data is found from there.
  const entry = createRequire(import.meta.url).resolve("vega-datasets");
  return join(dirname(entry), "..", "data", "movies.json");
}
