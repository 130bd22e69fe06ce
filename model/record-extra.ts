import { utf8Bytes } from "./clean.ts";
import { attempt, isList, isObject, ownKeys } from "./safe-read.ts";
import { type Bounds, snapshot } from "./snapshot.ts";

/** What a job's `record` hook adds to the record of a death. */
export type RecordExtra = Readonly<Record<string, unknown>>;

/**
 * What a `record` hook returned, as plain JSON of at most 16 KiB, in text that Postgres takes; undefined where there is nothing.
 * Of what is more, texts, fields and depth are cut, marked by `cut: true`; of a list the first 100 are kept. Fields whose names
 * look like secrets are redacted.
 *
 * @throws {Error} for what is no object of fields
 */
export function readExtra(given: unknown): RecordExtra | undefined {
  if (given === undefined || given === null) return undefined;
  if (!isObject(given) || isList(given) || typeof given === "function")
    throw new Error(`Expected an object of fields to add, got ${isList(given) ? "a list" : `a ${typeof given}`}`);
  if (ownKeys(given).length === 0) return undefined;
  for (const bounds of isSmallTree(given) ? [loose, ...tight] : tight) {
    const marks = { cut: false, cleaned: false };
    const extra = asFields(snapshot(given, bounds, 0, marks));
    if (extra === undefined) return undefined;
    const marked = marks.cut ? { ...extra, cut: true } : extra;
    if (utf8Bytes(JSON.stringify(marked)) <= largestExtraBytes) return marked;
  }
  return { cut: true };
}

export const largestExtraBytes = 16 * 1024;

const loose: Bounds = { textBytes: largestExtraBytes, keys: 1000, depth: 50 };

// For whatever it may be: a graph whose objects name each other has no end, and these end after 64,000 values.
const tight: readonly Bounds[] = [
  { textBytes: 2048, keys: 40, depth: 3 },
  { textBytes: 512, keys: 20, depth: 3 },
  { textBytes: 128, keys: 20, depth: 2 },
  { textBytes: 32, keys: 8, depth: 1 },
];

/** Whether it can be copied to its last leaf: it is JSON, or nearly, and little more than what is kept. */
function isSmallTree(given: object): boolean {
  const json = attempt(
    () => JSON.stringify(given, (_, value: unknown) => (typeof value === "bigint" ? 0 : value)),
    undefined,
  );
  return json !== undefined && json.length <= 4 * largestExtraBytes;
}

/** An object may say by `toJSON` that it is a text. */
function asFields(extra: unknown): RecordExtra | undefined {
  if (extra === undefined) return undefined;
  return isObject(extra) && !isList(extra) ? (extra as RecordExtra) : { value: extra };
}
