import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { checkFilter } from "../../model/check-filter.ts";
import type { Filter } from "../../model/filter.ts";
import { formatFilter, parseFilter } from "../../model/filter-line.ts";
import { filterFromParams, filterToParams } from "../../model/filter-params.ts";
import { OfficeError } from "../../model/office-error.ts";

test.each<[string, Filter]>([
  ["", {}],
  ["job:import-movie", { job: "import-movie" }],
  ["status:parked,retrying -job:demo-*,test", { status: ["parked", "retrying"], not: { job: ["demo-*", "test"] } }],
  ["-tag:vip -tag:late", { not: { tag: ["vip", "late"] } }],
  ['key:"order 7","a,b"', { key: ["order 7", "a,b"] }],
  ["needs-person:yes retried:no", { needsPerson: true, retried: false }],
  ["failed:<4h", { failed: { within: "4h" } }],
  ["failed:>2d expires:<2d", { failed: { beyond: "2d" }, expires: { within: "2d" } }],
  ["failed:1h..4h", { failed: { beyond: "1h", within: "4h" } }],
  ["age:>30d", { firstFailed: { beyond: "30d" } }],
  ["failed:2026-11-01", { failed: { from: new Date("2026-11-01"), to: new Date("2026-11-02") } }],
  ["failed:2026-11-01..2026-11-05", { failed: { from: new Date("2026-11-01"), to: new Date("2026-11-06") } }],
  ["failed:>2026-11-01", { failed: { from: new Date("2026-11-02") } }],
  ["failed:<=2026-11-01", { failed: { to: new Date("2026-11-02") } }],
  ["failed:>=2026-11-01T10:00Z", { failed: { from: new Date("2026-11-01T10:00Z") } }],
  // Without a zone it is UTC, wherever the command runs.
  ["failed:>=2026-11-01T10:00", { failed: { from: new Date("2026-11-01T10:00Z") } }],
  ["failed:<2026-11-01T10:00+05:30", { failed: { to: new Date("2026-11-01T04:30Z") } }],
  ["failed:>1h failed:<4h", { failed: { beyond: "1h", within: "4h" } }],
  ["deaths:3 retries:>=2 attempts:2..5", { deaths: 3, retries: { min: 2 }, attempts: { min: 2, max: 5 } }],
  ["deaths:>2 attempts:<3", { deaths: { min: 3 }, attempts: { max: 2 } }],
  ["payload.year>=2000", { payload: { path: ["year"], is: ">=", value: 2000 } }],
  ["payload[0].id=3", { payload: { path: [0, "id"], is: "=", value: 3 } }],
  ['payload.a.b[0]!="x y"', { payload: { path: ["a", "b", 0], is: "!=", value: "x y" } }],
  ['payload.a="2000"', { payload: { path: ["a"], is: "=", value: "2000" } }],
  ["payload.a=null", { payload: { path: ["a"], is: "=", value: null } }],
  ['payload."a.b"~foo', { payload: { path: ["a.b"], is: "~", value: "foo" } }],
  ["payload.a.b", { payload: { path: ["a", "b"], is: "exists" } }],
  [
    "headers.x-id=12 -source.topic=orders",
    {
      headers: { path: ["x-id"], is: "=", value: "12" },
      not: { source: { path: ["topic"], is: "=", value: "orders" } },
    },
  ],
  ['"connection refused" -timeout', { text: "connection refused", not: { text: "timeout" } }],
  ["payload", { text: "payload" }],
  ['one-word "two \\"words\\"\\u0021"', { text: ["one-word", 'two "words"!'] }],
  [
    'job:import-movie category:network failed:<4h payload.year>=2000 -tag:vip "connection refused"',
    {
      ...{ job: "import-movie", category: "network", failed: { within: "4h" }, text: "connection refused" },
      ...{ payload: { path: ["year"], is: ">=", value: 2000 }, not: { tag: "vip" } },
    },
  ],
])("%s", (line, filter) => {
  expect(parseFilter(line)).toEqual(filter);
  expect(parseFilter(formatFilter(filter))).toEqual(filter);
  expect(filterFromParams(filterToParams(filter))).toEqual(filter);
});

test.each<[line: string, column: number, says: string]>([
  ["jbo:x", 1, 'Did you mean "job"?'],
  ["job:a staus:parked", 7, 'Did you mean "status"?'],
  ["paylod.year>=2", 1, 'Did you mean "payload"?'],
  ["status:parkd", 8, 'Did you mean "parked"?'],
  ["category:netwrk", 10, 'Did you mean "network"?'],
  ["job:", 5, "A value is missing"],
  ["job:a,,b", 7, "A value is missing"],
  ['job:""', 5, "A value is missing"],
  ["job:a job:b", 7, "job:one,other"],
  ["ab", 1, "at least 3 characters"],
  ["-ab", 2, "at least 3 characters"],
  ['"  "', 1, "at least 3 characters"],
  ["failed:4h", 8, "needs a direction"],
  ["failed:<4parsecs", 8, "is not a unit"],
  ["failed:2026-02-30", 8, "takes a day"],
  ["failed:<2h failed:>4h", 19, "contradicts itself"],
  ["failed:<2h failed:<4h", 19, "has this bound already"],
  ["failed:4h..1h", 8, "contradicts itself"],
  ["deaths:5..2", 8, "contradicts itself"],
  ["deaths:NaN", 8, "takes a whole number"],
  ["deaths:<0", 8, "never below 0"],
  ["deaths:1.5", 8, "takes a whole number"],
  ["deaths:99999999999", 8, "takes a whole number"],
  ["retried:maybe", 9, "takes yes or no"],
  ["retried:yes retried:no", 21, "is there already"],
  ["cause:xyz", 7, "takes a cause's id"],
  ["cause:abc", 7, "takes a cause's id"],
  ["payload.=3", 9, "needs a path"],
  ["payload=3", 8, "needs a path"],
  ["payload:3", 8, "takes a path"],
  ["payload.a==3", 10, "Unknown comparison"],
  ["payload.a=", 11, "A value is missing"],
  ["payload.a=1,2", 12, "If the comma belongs to it"],
  ["payload.a>=true", 8, "takes a text or a number"],
  ["payload.a[x]=1", 10, "whole number"],
  ["headers.a.b=3", 8, "name of one header"],
  ["http://host", 1, "quote it"],
  ["a(b)c", 1, "quote it"],
  ["one OR other", 5, "There is no OR"],
  ["one AND other", 5, "There is no AND"],
  ['"abc', 1, "closing quotes are missing"],
  ['job:"abc', 5, "closing quotes are missing"],
  ['"abc"def', 6, "must be a space"],
  ['job:a"b"', 6, "Quotes go around a whole value"],
  ['"a\\qbc"', 3, "a backslash is written"],
  ["- abc", 1, "a term to leave out"],
  ["job:a\u0007b", 6, "control character"],
  ["😀😀😀 jbo:x", 5, "Unknown word"],
])("%j is refused at column %i", (line, column, says) => {
  const error = refusal(() => parseFilter(line));
  expect(error).toMatchObject({ code: "USAGE", details: { line, column } });
  expect(error.message).toContain(says);
  expect(error.message).toContain(`Column ${column}`);
});

describe("hostile lines", () => {
  const pieces = fc.constantFrom(
    ...[
      "job:",
      "status:",
      "failed:",
      "payload.",
      "payload[",
      "headers.",
      "deaths:",
      "-",
      "--",
      '"',
      '\\"',
      ",",
      ":",
      "..",
      "=",
      ">=",
      "~",
      "<4h",
      "*",
    ],
    ...[
      "'; drop table dlo.dead_letters; --",
      "$1",
      "%00",
      "\0",
      "\ud800",
      "\u202e",
      "a".repeat(3000),
      "[0]",
      "]",
      "(",
      "\n",
      "\t",
      " ",
      "__proto__",
      "constructor",
    ],
  );
  const line = fc.oneof(
    fc.string({ unit: "binary", maxLength: 60 }),
    fc.string({ unit: "grapheme", maxLength: 60 }),
    fc.array(fc.oneof(pieces, fc.string({ maxLength: 5 })), { maxLength: 15 }).map((all) => all.join("")),
  );

  test("either say a filter, which can be written and read again, or are refused with a place in the line", () => {
    fc.assert(
      fc.property(line, (text) => {
        const read = orRefused(() => parseFilter(text));
        if (read instanceof OfficeError) {
          expect(read.code).toBe("USAGE");
          const { column } = read.details as { column?: number };
          if (text.length <= 10_000) expect(column).toBeGreaterThanOrEqual(1);
          if (column !== undefined) expect(column).toBeLessThanOrEqual(Array.from(text).length + 1);
        } else {
          expect(checkFilter(read)).toBe(read);
          const written = formatFilter(read);
          if (written.length <= 10_000) expect(formatFilter(parseFilter(written))).toBe(written);
          // A URL has no halves of surrogate pairs.
          if (written !== formatFilter(wellFormed(read))) return;
          expect(formatFilter(filterFromParams(new URLSearchParams(filterToParams(read).toString())))).toBe(written);
        }
      }),
      { numRuns: 5000 },
    );
  });

  test("as parameters of a URL they are refused just so", () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.oneof(line, fc.constantFrom("job", "-tag", "failed", "payload", "text")), line)),
        (pairs) => {
          const read = orRefused(() => filterFromParams(new URLSearchParams(pairs)));
          if (read instanceof OfficeError) expect(read.code).toBe("USAGE");
          else expect(() => formatFilter(read)).not.toThrow();
        },
      ),
    );
  });

  test("a line that is too long is refused before it is read", () => {
    expect(refusal(() => parseFilter("a".repeat(10_001))).message).toContain("at most 10000");
    expect(refusal(() => parseFilter(`${"abc ".repeat(2000)}`)).message).toContain("at most 20");
  });
});

test.each<[unknown, string]>([
  [{ jbo: "x" }, 'Did you mean "job"?'],
  [{ not: { jbo: "x" } }, "not.jbo"],
  [{ job: undefined }, "undefined"],
  [{ job: [] }, "empty list"],
  [{ job: 5 }, "takes a text"],
  [{ job: [null] }, "takes a text"],
  [{ status: "parkd" }, 'Did you mean "parked"?'],
  [{ needsPerson: "yes" }, "takes yes or no"],
  [{ text: "ab" }, "at least 3"],
  [{ failed: "today" }, "takes a span of time"],
  [{ failed: {} }, "no bound"],
  [{ failed: { since: "1h" } }, "Known: from, to, within, beyond"],
  [{ failed: { from: new Date(Number.NaN) } }, "a date that is none"],
  [{ failed: { from: "yesterday" } }, "takes a day"],
  [{ failed: { from: "2026-11-02", to: "2026-11-01" } }, "contradicts itself"],
  [{ failed: { within: -5 } }, "negative"],
  [{ deaths: Number.NaN }, "takes whole numbers"],
  [{ deaths: { min: 3, max: 2 } }, "contradicts itself"],
  [{ payload: { path: [], is: "=", value: 1 } }, "needs a path"],
  [{ payload: { path: ["a"], is: "==", value: 1 } }, "unknown comparison"],
  [{ payload: { path: ["a"], is: ">=", value: Number.NaN } }, "cannot be compared"],
  [{ payload: { path: ["a"], is: ">=", value: true } }, "takes a text or a number"],
  [{ payload: { path: ["a"], is: "=" } }, "needs a value"],
  [{ payload: { path: ["a"], is: "=", value: {} } }, "takes a text or a number"],
  [{ not: { failed: { from: "2026-11-01", within: "1h" } } }, "mixes dates"],
  [{ not: undefined }, '"not" takes conditions'],
  [{ cause: "zz" }, "takes a cause's id"],
  ["job:x", "A filter is an object"],
  [null, "A filter is an object"],
  [[], "A filter is an object"],
])("as TypeScript %j is refused", (filter, says) => {
  const error = refusal(() => checkFilter(filter));
  expect(error.code).toBe("USAGE");
  expect(error.message).toContain(says);
});

function refusal(work: () => unknown): OfficeError {
  const result = orRefused(work as () => Filter);
  if (result instanceof OfficeError) return result;
  throw new Error(`Not refused: ${JSON.stringify(result)}`);
}

function orRefused(work: () => Filter): Filter | OfficeError {
  try {
    return work();
  } catch (error) {
    if (error instanceof OfficeError) return error;
    throw error;
  }
}

/** The filter with no halves of surrogate pairs. */
function wellFormed(filter: Filter): Filter {
  const map = (value: unknown): unknown =>
    typeof value === "string"
      ? value.toWellFormed()
      : Array.isArray(value)
        ? value.map(map)
        : typeof value === "object" && value !== null && !(value instanceof Date)
          ? Object.fromEntries(Object.entries(value).map(([key, one]) => [key, map(one)]))
          : value;
  return map(filter) as Filter;
}
