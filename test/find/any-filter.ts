import fc from "fast-check";
import { ownCodes } from "../../model/own-code.ts";
import { categories } from "../../model/category.ts";
import type { Conditions, Filter, PathCondition } from "../../model/filter.ts";
import { reasons } from "../../model/reason.ts";
import { statuses } from "../../model/status.ts";
import { askedAt, causeIds, pick, words } from "./seeded-letters.ts";

/** Filters that some of the seeded letters fit, and filters that none does. */
export function anyFilter(): fc.Arbitrary<Filter> {
  return fc
    .tuple(conditions(3), fc.option(conditions(2), { nil: {}, freq: 1 }))
    .map(([asked, not]) => (Object.keys(not).length === 0 ? asked : { ...asked, not }));
}

/** One condition or a few, of all there are. */
function conditions(most: number): fc.Arbitrary<Conditions> {
  return fc
    .uniqueArray(pick(Object.keys(each) as (keyof Conditions)[]), { maxLength: most })
    .chain((keys) => fc.record(Object.fromEntries(keys.map((key) => [key, each[key]])))) as fc.Arbitrary<Conditions>;
}

function oneOrMore<T>(one: fc.Arbitrary<T>): fc.Arbitrary<T | T[]> {
  return fc.oneof(
    { weight: 3, arbitrary: one },
    { weight: 1, arbitrary: fc.array(one, { minLength: 2, maxLength: 3 }) },
  );
}

function texts(...pools: readonly (readonly (string | null)[])[]): fc.Arbitrary<string | string[]> {
  const known = pools.flat().filter((text): text is string => text !== null && text !== "");
  return oneOrMore(
    fc.oneof(
      { weight: 6, arbitrary: pick(known) },
      { weight: 1, arbitrary: fc.string({ minLength: 1, maxLength: 8, unit: "grapheme" }) },
    ),
  );
}

export const paths = [
  ...[
    ["title"],
    ["year"],
    ["order", "total"],
    ["order", "lines", 0, "sku"],
    ["order", "lines", 1],
    ["order", 1],
    ["tags", 1],
  ],
  ...[
    ["a.b", "0"],
    ["a.b", "x y"],
    [0],
    [0, "id"],
    ["year", 0],
    [1],
    [1, "id"],
    ["deep", "deeper", "deepest"],
    ["note"],
    ["unicode"],
    ["0"],
    ["nowhere"],
  ],
] as const;

export const operands = [
  ...[1958, 2000, 2001, 99.5, 100, -0.5, 0, 3, 2, 1e300, 1e-7],
  ...[
    "The Sheep Man",
    "1958",
    "n/a",
    "a-1",
    "b-2",
    "zero",
    "old",
    "film",
    'say "hi"\nthere',
    "50% of_all \\ slashes",
    "東京 Ü 😀",
  ],
  ...["second argument", "true", "null", "", "-"],
  ...[true, false, null],
];

const payloadCondition = comparison(
  fc.oneof(
    { weight: 9, arbitrary: pick(paths) },
    {
      weight: 1,
      arbitrary: fc.array(fc.oneof(fc.string({ minLength: 1, unit: "grapheme" }), fc.nat({ max: 3 })), {
        minLength: 1,
        maxLength: 3,
      }),
    },
  ),
  operands,
);

function comparison(
  path: fc.Arbitrary<readonly (string | number)[]>,
  values: readonly PathCondition["value"][],
): fc.Arbitrary<PathCondition> {
  // Texts of several languages are ordered by the database's collation, which the oracle does not know.
  const plain = values.filter(
    (value) => typeof value === "number" || (typeof value === "string" && /^[a-z][a-z0-9-]*$/.test(value)),
  );
  return fc.oneof(
    fc.record({ path, is: pick(["=", "!="] as const), value: pick(values) }),
    fc.record({ path, is: pick(["<", "<=", ">", ">="] as const), value: pick(plain) }),
    fc.record({
      path,
      is: fc.constant("~" as const),
      value: pick(["a", "The", "SHEEP", "%", "_", "\\", "東京", '"hi"']),
    }),
    fc.record({ path, is: fc.constant("exists" as const) }),
  ) as fc.Arbitrary<PathCondition>;
}

function timeRange(base: number, ahead: boolean): fc.Arbitrary<unknown> {
  const at = fc.integer({ min: -160, max: 160 }).map((quarters) => new Date(base + quarters * 900_000));
  const span = fc.integer({ min: 1, max: 60 });
  return fc.oneof(
    at.map((from) => ({ from })),
    at.map((to) => ({ to: to.toISOString() })),
    fc
      .tuple(at, fc.integer({ min: 1, max: 200 }))
      .map(([from, quarters]) => ({ from, to: new Date(from.getTime() + quarters * 900_000) })),
    span.map((within) => ({ within: `${within}h` })),
    span.map((beyond) => ({ beyond: beyond * 3_600_000 })),
    fc.tuple(span, span).map(([nearer, further]) => ({ beyond: `${nearer}h`, within: `${nearer + further}h` })),
    fc.constant(ahead ? { from: "2026-05-03", to: "2026-05-05" } : { from: "2026-05-01", to: "2026-05-02" }),
  );
}

const numberRange = fc.oneof(
  fc.nat({ max: 8 }),
  fc.nat({ max: 8 }).map((min) => ({ min })),
  fc.nat({ max: 8 }).map((max) => ({ max })),
  fc.tuple(fc.nat({ max: 4 }), fc.nat({ max: 4 })).map(([min, more]) => ({ min, max: min + more })),
);

const each: Readonly<Record<keyof Conditions, fc.Arbitrary<unknown>>> = {
  namespace: oneOrMore(pick(["default", "other", "nowhere"])),
  kind: oneOrMore(pick(["job", "workflow", "activity", "record", "step"])),
  job: texts(words.job, ["import-*", "*mail", "send?mail", "send_*", "*", "a%*", "*\\*", "*é", "i*o*e"]),
  queue: texts(words.queue, ["mail*", "*"]),
  status: oneOrMore(pick(["open", "closed", "open", ...statuses])),
  category: oneOrMore(pick(categories)),
  reason: oneOrMore(pick(reasons)),
  needsPerson: fc.boolean(),
  failedCode: oneOrMore(pick(ownCodes)),
  error: texts(words.error, ["*Error", "Timeout*", "*_*", "E*"]),
  anyError: texts(words.error, ["*Error", "Timeout*", "*_*", "E*"]),
  cause: oneOrMore(
    fc.oneof(
      pick(causeIds),
      pick(causeIds).map((id) => id.slice(0, 6)),
      pick(causeIds).map((id) => id.replaceAll("-", "").slice(0, 12).toUpperCase()),
      fc.constant("0000"),
    ),
  ),
  build: texts(words.build),
  key: texts(words.key),
  workflowId: texts(["import-movie/1", "import-movie/2", "send_mail/3", "a%b/4"]),
  batch: texts(words.batch),
  tag: texts(words.tag),
  text: oneOrMore(
    pick([
      "connection",
      "TITLE",
      "100%",
      "of_",
      " \\ d",
      'say "hi"',
      "one\nline",
      "東京 Ü",
      "ber",
      "1958",
      "The Sheep",
      '"title":',
      "nothing at all",
      "n/a",
      "---",
    ]),
  ),
  payload: oneOrMore(payloadCondition),
  headers: oneOrMore(comparison(pick([["tenant"], ["x.y"], ["x-id"], ["none"]]), ["acme", "12", "true", "z"])),
  source: oneOrMore(comparison(pick([["topic"], ["partition"], ["offset"]]), ["orders", "mail", 3, 12])),
  failed: timeRange(askedAt.getTime() - 20 * 3_600_000, false),
  firstFailed: timeRange(askedAt.getTime() - 20 * 3_600_000, false),
  closed: timeRange(askedAt.getTime() - 20 * 3_600_000, false),
  expires: timeRange(askedAt.getTime() + 30 * 3_600_000, true),
  deaths: numberRange,
  attempts: numberRange,
  retries: numberRange,
  retried: fc.boolean(),
};
