import { cleanText, cutText } from "./clean.ts";
import { attempt, isError, isList, isObject, lengthOf, ownKeys, read } from "./safe-read.ts";

/** A bounded copy of any value as plain JSON; undefined for what JSON leaves out. */
export function snapshot(value: unknown, bounds: Bounds, depth: number, marks: Marks): unknown {
  if (typeof value === "string") return bounded(value, bounds.textBytes, marks);
  // -0 is not JSON.
  if (typeof value === "number") return Number.isFinite(value) ? value + 0 : String(value);
  if (typeof value === "bigint" || typeof value === "symbol") return bounded(String(value), bounds.textBytes, marks);
  if (typeof value === "function" || value === undefined) return undefined;
  if (typeof value !== "object" || value === null) return value;
  if (ArrayBuffer.isView(value)) return `[${value.byteLength} bytes]`;
  if (isError(value)) return bounded(spoken(value), bounds.textBytes, marks);
  const toJson = read(value, "toJSON");
  const json = typeof toJson === "function" ? attempt((): unknown => toJson.call(value, ""), undefined) : undefined;
  if (json !== undefined && !isObject(json)) return snapshot(json, bounds, depth, marks);
  const keys = isList(value) ? [...Array(Math.min(lengthOf(value), 100)).keys()].map(String) : ownKeys(value);
  if (depth >= bounds.depth || keys.length > bounds.keys) marks.cut = true;
  if (depth >= bounds.depth) return isList(value) ? "[…]" : "{…}";
  const entries = keys.slice(0, bounds.keys).flatMap((key): [string, unknown][] => {
    const item = secretKey.test(key) ? "[redacted]" : snapshot(read(value, key), bounds, depth + 1, marks);
    return item === undefined ? [] : [[bounded(key, 100, marks), item]];
  });
  return isList(value) ? entries.map(([, item]) => item) : Object.fromEntries(entries);
}

/** Bytes of one text, keys or items of one object or list, and how deep these may lie in each other. */
export type Bounds = { textBytes: number; keys: number; depth: number };

/** What had to be done to a value; set, never cleared. */
export type Marks = { cut: boolean; cleaned: boolean };

/** A text as Postgres takes it, of at most so many bytes. */
export function bounded(text: string, maxBytes: number, marks: Marks): string {
  const clean = cleanText(text);
  const short = cutText(clean, maxBytes);
  marks.cleaned ||= clean !== text;
  marks.cut ||= short !== clean;
  return short;
}

const secretKey = /authorization|passw|secret|token|api[-_]?key|cookie|credential|private[-_]?key/i;

function spoken(error: object): string {
  return [read(error, "name"), read(error, "message")].filter((part) => typeof part === "string").join(": ");
}
