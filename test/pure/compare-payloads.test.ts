import fc from "fast-check";
import { isDeepStrictEqual } from "node:util";
import { expect, test } from "vitest";
import { comparePayloads } from "../../model/compare-payloads.ts";
import { payloadFields } from "../../model/payload-fields.ts";

test("what is the same is said once, what differs is said of each", () => {
  const { equal, varying } = comparePayloads([
    { title: 1958, country: "US", tags: ["a", "b"], cast: [{ name: "x" }] },
    { title: "1946", country: "US", tags: ["a"], cast: [{ name: "x" }] },
    { title: "1946", country: "US", cast: [{ name: "x" }] },
  ]);
  expect(equal).toEqual([
    { path: "cast[].name", value: "x" },
    { path: "country", value: "US" },
  ]);
  expect(varying).toEqual([
    {
      path: "tags[]",
      cells: [{ type: "string", values: ["a", "b"], count: 2 }, { type: "string", values: ["a"] }, null],
      distinct: 2,
    },
    {
      path: "title",
      cells: [
        { type: "number", values: [1958] },
        { type: "string", values: ["1946"] },
        { type: "string", values: ["1946"] },
      ],
      distinct: 2,
    },
    {
      path: "tags",
      cells: [{ type: "list", values: [["a", "b"]], items: 2 }, { type: "list", values: [["a"]], items: 1 }, null],
      distinct: 3,
    },
  ]);
});

test("an object that one of them lacks is one difference, not one of each of its fields", () => {
  const { equal, varying } = comparePayloads([{ card: { number: "4", holder: "ann" } }, {}]);
  expect(equal).toEqual([]);
  expect(varying.map(({ path }) => path)).toEqual(["card"]);
  expect(varying[0]!.cells).toEqual([{ type: "object", values: [{ number: "4", holder: "ann" }] }, null]);
});

test("keys that are no plain words are quoted, and so never taken for a path", () => {
  const { varying } = comparePayloads([
    { "a.b": 1, a: { b: 1 } },
    { "a.b": 2, a: { b: 3 } },
  ]);
  expect(varying.map(({ path }) => path)).toEqual(["a.b", '["a.b"]'].toSorted());
});

test("payloads of any size are looked at within bounds, and it is said where that was not all", () => {
  const wide = Object.fromEntries(Array.from({ length: 5000 }, (_, i) => [`f${i}`, i]));
  const deep = JSON.parse(`${'{"a":'.repeat(400)}1${"}".repeat(400)}`) as unknown;
  const long = { list: Array.from({ length: 100_000 }, (_, i) => ({ i })) };
  expect(payloadFields(wide)).toMatchObject({ cut: true, fields: { size: 2000 } });
  expect(payloadFields(long).fields.get("list[].i")!.places).toHaveLength(100);
  expect(comparePayloads([long, long])).toMatchObject({ varying: [], cut: true });
  // What lies too deep to be shown by itself is still compared.
  const other = JSON.parse(JSON.stringify(deep).replace("1}", "2}")) as unknown;
  expect(comparePayloads([deep, other]).varying).toHaveLength(1);
  expect(comparePayloads([deep, deep]).varying).toEqual([]);
  const text = JSON.stringify(comparePayloads([{ text: "x".repeat(1e6) }, { text: "y".repeat(1e6) }]));
  expect(text.length).toBeLessThan(2000);
});

const anyPayload = fc.jsonValue({ maxDepth: 4, stringUnit: "grapheme" });

test("payloads differ somewhere exactly where they are not the same JSON", () => {
  fc.assert(
    fc.property(anyPayload, anyPayload, (a, b) => {
      expect(comparePayloads([a, a]).varying).toEqual([]);
      expect(comparePayloads([a, b]).varying.length > 0).toBe(!isDeepStrictEqual(plain(a), plain(b)));
    }),
  );
});

test("every difference that is listed is there, and the order of payloads and keys does not matter", () => {
  fc.assert(
    fc.property(fc.array(similar(), { minLength: 2, maxLength: 5 }), (payloads) => {
      const { varying, equal } = comparePayloads(payloads);
      for (const { path, cells } of varying) {
        const found = payloads.map((payload) => JSON.stringify(at(payload, path)));
        expect(new Set(found).size).toBeGreaterThan(1);
        expect(cells.map((cell) => cell === null)).toEqual(found.map((json) => json === "[]"));
      }
      for (const { path } of equal)
        expect(new Set(payloads.map((payload) => JSON.stringify(at(payload, path)))).size).toBe(1);
      const turned = comparePayloads(payloads.toReversed().map(keysReversed));
      expect(turned.equal).toEqual(equal);
      expect(turned.varying.map(({ path }) => path).toSorted()).toEqual(varying.map(({ path }) => path).toSorted());
    }),
  );
});

/** Payloads that have much in common. */
function similar() {
  const word = fc.constantFrom("x", "y", 1, 2, true, null);
  return fc.record(
    {
      a: word,
      b: fc.record({ c: word, d: fc.array(word, { maxLength: 2 }) }, { requiredKeys: [] }),
      e: fc.array(fc.record({ f: word }), { maxLength: 3 }),
    },
    { requiredKeys: [] },
  );
}

/** Everything at a path, found another way than by the code under test. */
function at(payload: unknown, path: string): unknown[] {
  let found: unknown[] = [payload];
  for (const step of path.split(/\.|(?=\[\])/).filter((part) => part !== ""))
    found = found.flatMap((value) => {
      if (step === "[]") return Array.isArray(value) ? (value as unknown[]) : [];
      const isObject = typeof value === "object" && value !== null && !Array.isArray(value);
      return isObject && step in value ? [(value as Record<string, unknown>)[step]] : [];
    });
  return found;
}

function keysReversed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(keysReversed);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .toReversed()
      .map(([key, inner]) => [key, keysReversed(inner)]),
  );
}

/** Without what JSON does not have: -0, prototypes. */
function plain(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value));
}
