import fc from "fast-check";
import { isDeepStrictEqual } from "node:util";
import { expect, test } from "vitest";
import { differenceKinds, setApart } from "../../model/set-apart.ts";

const movies = [1999, 2001, 2010, 2012, 2020].map((year, i) => ({
  title: ["Magnolia", "Amelie", "Inception", "Looper", "Tenet"][i],
  year,
  country: "US",
  code: `MOV-${1000 + i * 7}`,
  format: i % 2 === 0 ? "film" : "digital",
  studio: { name: "A", id: i },
  cast: [
    { name: "x", fee: 100 * (i + 1) },
    { name: "y", fee: 50 },
  ],
}));

test("what stands out most comes first: types, presence, values, forms, ranges, then the rest", () => {
  const { differences, equal } = setApart(
    {
      title: "Heat",
      year: "1995",
      country: "XX",
      code: "n/a",
      format: "tape",
      coupon: "C-1",
      cast: [
        { name: "x", fee: 100 },
        { name: "y", fee: -3 },
      ],
    },
    movies,
  );
  expect(differences.map(({ kind, path }) => `${kind} ${path}`)).toEqual([
    "type year",
    "missing studio",
    "extra coupon",
    "value country",
    "value format",
    "form code",
    "range cast[].fee",
    "differs title",
  ]);
  expect(equal).toEqual(["cast[].name"]);
  const of = (path: string) => differences.find((one) => one.path === path);
  expect(of("year")).toMatchObject({ here: { type: "string", values: ["1995"] }, types: ["number"], have: 5, of: 5 });
  expect(of("studio")).toMatchObject({ here: null, have: 5 });
  expect(of("coupon")).toMatchObject({ have: 0, of: 5, seen: [] });
  expect(of("country")).toMatchObject({ seen: [{ value: "US", times: 5 }], distinct: 1 });
  // Of a list's items, the one that stands out.
  expect(of("cast[].fee")).toMatchObject({ here: { values: [-3] }, range: [50, 500], have: 5 });
});

test("of one item of a list the type tells, wherever in the list it is", () => {
  const orders = [1, 2, 3].map((n) => ({ lines: Array.from({ length: n }, (_, i) => ({ price: i })) }));
  const { differences } = setApart({ lines: [{ price: 1 }, { price: "2,50" }] }, orders);
  expect(differences[0]).toMatchObject({ kind: "type", path: "lines[].price", here: { values: ["2,50"] } });
});

test("an empty list, and a text without anything in it, are out of range", () => {
  const { differences } = setApart({ lines: [], note: "" }, [
    { lines: [1], note: "soon" },
    { lines: [1, 2], note: "at noon" },
  ]);
  expect(differences).toMatchObject([
    { kind: "range", path: "lines", range: [1, 2] },
    { kind: "range", path: "note", range: [4, 7] },
  ]);
});

test("ids that differ each time say nothing", () => {
  const { differences } = setApart(
    { id: "01980a6e-aaaa-7bbb-8ccc-000000000009" },
    ["01980a6e-2d54-7f2e-8f16-000000000001", "01980a6e-2d54-7f2e-8f16-f00000000002"].map((id) => ({ id })),
  );
  expect(differences.map(({ kind }) => kind)).toEqual(["differs"]);
});

test("of a single one nobody can tell what is usual: only types and what is there", () => {
  const { differences } = setApart({ a: "1", b: 5, c: "z" }, [{ a: 1, b: 7, c: "a", d: 0 }]);
  expect(differences.map(({ kind, path }) => `${kind} ${path}`)).toEqual([
    "type a",
    "missing d",
    "differs b",
    "differs c",
  ]);
});

test("with nothing to compare with there is nothing to say", () => {
  expect(setApart({ a: 1 }, [])).toEqual({ differences: [], equal: [], cut: false });
});

const anyPayload = fc.jsonValue({ maxDepth: 4 });

test("a payload differs from another exactly where they are not the same JSON, and never from itself", () => {
  fc.assert(
    fc.property(anyPayload, anyPayload, (a, b) => {
      expect(setApart(a, [a, a]).differences).toEqual([]);
      expect(setApart(a, [b]).differences.length > 0).toBe(!isDeepStrictEqual(plain(a), plain(b)));
    }),
  );
});

test("the others' order does not matter, and the strongest kinds come first", () => {
  const word = fc.constantFrom<unknown>("x", "yy", "", 1, 2, -5, true, null);
  const payload = fc.record(
    { a: word, b: fc.record({ c: word }, { requiredKeys: [] }), d: fc.array(word, { maxLength: 3 }) },
    { requiredKeys: [] },
  );
  fc.assert(
    fc.property(payload, fc.array(payload, { maxLength: 6 }), (subject, others) => {
      const apart = setApart(subject, others);
      expect(setApart(subject, others.toReversed())).toEqual(apart);
      const ranks = apart.differences.map(({ kind }) => differenceKinds.indexOf(kind));
      expect(ranks).toEqual(ranks.toSorted((x, y) => x - y));
      for (const { path, kind, have, of, here } of apart.differences) {
        expect(have).toBeLessThanOrEqual(of);
        if (kind === "missing") expect({ here, have }).toEqual({ here: null, have: of });
        if (kind === "extra") expect(have).toBe(0);
        // What is the same in all is not said to differ.
        expect(apart.equal).not.toContain(path);
      }
    }),
  );
});

function plain(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value));
}
