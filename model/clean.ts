/**
 * The same text as Postgres takes it: NUL, which neither `text` nor `jsonb` holds, becomes its picture `␀` (U+2400), and half
 * of a surrogate pair becomes U+FFFD.
 */
export function cleanText(text: string): string {
  if (text.isWellFormed() && !text.includes("\0")) return text;
  return text.toWellFormed().replaceAll("\0", "\u2400");
}

/**
 * A JSON value as Postgres takes it in `jsonb`: strings and keys cleaned, and what cannot be written as JSON (a circle,
 * nesting of more than 500 levels, a bigint) replaced by a text that says so.
 *
 * @returns the very same value where nothing had to change
 */
export function cleanJson(value: unknown): { value: unknown; cleaned: boolean } {
  const cleaned = cleanValue(value, 0, new Map());
  return { value: cleaned, cleaned: !Object.is(cleaned, value) };
}

/**
 * The beginning of a text in at most so many bytes of UTF-8, with a mark that says how long it was:
 * `the begin… [cut: 1,048,576 characters in all]`. A surrogate pair stays whole.
 *
 * Cutting what was cut before keeps the first mark's number.
 */
export function cutText(text: string, maxBytes: number): string {
  if (text.length * 3 <= maxBytes || (text.length <= maxBytes && utf8Bytes(text) <= maxBytes)) return text;
  const found = text.endsWith(cutMarkEnd) ? cutMark.exec(text.slice(-60)) : null;
  const total = found?.[1] ?? String(text.length).replace(/\B(?=(?:\d{3})+$)/g, ",");
  const body = found === null ? text : text.slice(0, -found[0].length);
  const mark = `… [cut: ${total}${cutMarkEnd}`;
  const markBytes = mark.length + 2;
  if (maxBytes >= markBytes * 2) return body.slice(0, unitsWithin(body, maxBytes - markBytes)) + mark;
  return maxBytes < 3 ? "" : `${body.slice(0, unitsWithin(body, maxBytes - 3))}…`;
}

/** A text without the mark of `cutText`, and whether it had one. */
export function uncutText(text: string): { text: string; cut: boolean } {
  const found = text.endsWith(cutMarkEnd) ? cutMark.exec(text.slice(-60)) : null;
  return found === null ? { text, cut: false } : { text: text.slice(0, -found[0].length), cut: true };
}

/** Bytes of a text in UTF-8; half of a surrogate pair counts as U+FFFD does, 3. */
export function utf8Bytes(text: string): number {
  let bytes = 0;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit < 0x80) bytes += 1;
    else if (unit < 0x800) bytes += 2;
    else if (isPair(text, i)) {
      bytes += 4;
      i++;
    } else bytes += 3;
  }
  return bytes;
}

/** Postgres parses `jsonb` by recursion and gives up after some thousands of levels (54001); so do most readers, earlier. */
const deepest = 500;
const cutMarkEnd = " characters in all]";
const cutMark = /… \[cut: ([\d,]{1,20}) characters in all\]$/;
const inProgress = Symbol("in progress");

function cleanValue(value: unknown, depth: number, seen: Map<object, unknown>): unknown {
  if (typeof value === "string") return cleanText(value);
  if (typeof value === "bigint") return String(value);
  if (typeof value !== "object" || value === null) return value;
  const known = seen.get(value);
  if (known === inProgress) return "[circular]";
  if (known !== undefined) return known;
  if (depth >= deepest) return `[nested deeper than ${deepest} levels]`;
  seen.set(value, inProgress);
  const cleaned = Array.isArray(value) ? cleanList(value, depth, seen) : cleanObject(value, depth, seen);
  seen.set(value, cleaned);
  return cleaned;
}

function cleanList(list: unknown[], depth: number, seen: Map<object, unknown>): unknown[] {
  let changed = false;
  const cleaned = list.map((item) => {
    const clean = cleanValue(item, depth + 1, seen);
    changed ||= !Object.is(clean, item);
    return clean;
  });
  return changed ? cleaned : list;
}

function cleanObject(object: object, depth: number, seen: Map<object, unknown>): unknown {
  if ("toJSON" in object && typeof object.toJSON === "function") {
    const json: unknown = object.toJSON("");
    const clean = json === object ? json : cleanValue(json, depth + 1, seen);
    return Object.is(clean, json) ? object : clean;
  }
  let changed = false;
  const entries = new Map<string, unknown>();
  for (const [key, item] of Object.entries(object)) {
    const clean = cleanValue(item, depth + 1, seen);
    let cleanKey = cleanText(key);
    // Two keys must not become one: the value of the first would be gone.
    while (cleanKey !== key && (entries.has(cleanKey) || Object.hasOwn(object, cleanKey))) cleanKey += "_";
    changed ||= cleanKey !== key || !Object.is(clean, item);
    entries.set(cleanKey, clean);
  }
  // fromEntries defines properties, so "__proto__" stays an ordinary key.
  return changed ? Object.fromEntries(entries) : object;
}

/** How many UTF-16 units of the text fit into so many bytes. */
function unitsWithin(text: string, maxBytes: number): number {
  let bytes = 0;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    const pair = isPair(text, i);
    bytes += pair ? 4 : unit < 0x80 ? 1 : unit < 0x800 ? 2 : 3;
    if (bytes > maxBytes) return i;
    if (pair) i++;
  }
  return text.length;
}

function isPair(text: string, at: number): boolean {
  const unit = text.charCodeAt(at);
  if (unit < 0xd800 || unit > 0xdbff) return false;
  const next = text.charCodeAt(at + 1);
  return next >= 0xdc00 && next <= 0xdfff;
}
