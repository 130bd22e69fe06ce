import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { cleanJson, cleanText, cutText, uncutText, utf8Bytes } from "../../model/clean.ts";

/** Any text of UTF-16 units, rich in NULs and halves of surrogate pairs. */
const anyText = fc
  .array(fc.oneof(fc.constantFrom(0, 0xd800, 0xdbff, 0xdc00, 0xdfff), fc.nat({ max: 0xffff })), { maxLength: 200 })
  .map((units) => String.fromCharCode(...units));

const accepted = (text: string) => text.isWellFormed() && !text.includes("\0");

describe("cleanText", () => {
  test("shows NUL and lone surrogates by signs that Postgres takes", () => {
    expect(cleanText("a\0b")).toBe("a␀b");
    expect(cleanText("a\ud800b\udc00")).toBe("a\ufffdb\ufffd");
    expect(cleanText("😀")).toBe("😀");
  });

  test("is always accepted, and changes nothing that was", () => {
    fc.assert(
      fc.property(anyText, (text) => {
        const cleaned = cleanText(text);
        expect(accepted(cleaned)).toBe(true);
        expect(cleaned.length).toBe(text.length);
        if (accepted(text)) expect(cleaned).toBe(text);
      }),
    );
  });
});

describe("cleanJson", () => {
  test("cleans strings and keys, deep, and says so", () => {
    expect(cleanJson({ "a\0": ["x\0", { b: "\ud800" }], n: 1 })).toEqual({
      value: { "a␀": ["x␀", { b: "\ufffd" }], n: 1 },
      cleaned: true,
    });
  });

  test("gives back the very same value where nothing changed", () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const clean = JSON.parse(JSON.stringify(value).replaceAll("\\u0000", "").toWellFormed()) as unknown;
        expect(cleanJson(clean).value).toBe(clean);
        expect(cleanJson(clean).cleaned).toBe(false);
      }),
    );
  });

  test("is always accepted by jsonb", () => {
    const anyJson = fc.letrec((tie) => ({
      value: fc.oneof({ maxDepth: 4 }, anyText, fc.integer(), tie("list"), tie("object")),
      list: fc.array(tie("value"), { maxLength: 4 }),
      object: fc.dictionary(anyText, tie("value"), { maxKeys: 4 }),
    })).value;
    fc.assert(
      fc.property(anyJson, (value) => {
        const json = JSON.stringify(cleanJson(value).value);
        expect(json).not.toMatch(/\\u0000|\\ud[89a-f]/i);
        expect(accepted(json)).toBe(true);
      }),
    );
  });

  test("keeps both values of two keys that look the same when cleaned", () => {
    expect(cleanJson({ "a\0": 1, "a␀": 2 }).value).toEqual({ "a␀_": 1, "a␀": 2 });
  });

  test("keeps __proto__ an ordinary key", () => {
    const { value } = cleanJson(JSON.parse('{"__proto__": {"admin": "yes\\u0000"}, "a\\u0000": 1}'));
    expect(JSON.stringify(value)).toBe('{"__proto__":{"admin":"yes␀"},"a␀":1}');
    expect(Object.getPrototypeOf(value)).toBe(Object.prototype);
  });

  test("cuts a hundred thousand levels, a circle and a bigint, which jsonb cannot hold", () => {
    const deep = JSON.parse("[".repeat(100_000) + "]".repeat(100_000)) as unknown;
    const { value, cleaned } = cleanJson(deep);
    expect(cleaned).toBe(true);
    expect(JSON.stringify(value)).toContain("[nested deeper than 500 levels]");
    const circle: Record<string, unknown> = { n: 10n };
    circle["self"] = circle;
    expect(cleanJson(circle)).toEqual({ value: { n: "10", self: "[circular]" }, cleaned: true });
  });

  test("visits what is shared once, so that it stays quick", () => {
    let shared: unknown = "a\0";
    for (let i = 0; i < 60; i++) shared = [shared, shared];
    expect(cleanJson(shared).cleaned).toBe(true);
  });

  test("leaves what turns itself into JSON to itself", () => {
    const value = { at: new Date(0) };
    expect(cleanJson(value)).toEqual({ value, cleaned: false });
    expect(cleanJson({ toJSON: () => "a\0" }).value).toBe("a␀");
  });
});

describe("cutText", () => {
  test("cuts with a mark that says how long it was", () => {
    expect(cutText("x".repeat(1_048_576), 100)).toBe(`${"x".repeat(62)}… [cut: 1,048,576 characters in all]`);
    expect(cutText("short", 5)).toBe("short");
  });

  test("keeps the first mark's number when cut again, and can be told apart", () => {
    const twice = cutText(cutText("x".repeat(9000), 1000), 200);
    expect(twice).toMatch(/^x+… \[cut: 9,000 characters in all\]$/);
    expect(uncutText(twice)).toEqual({ text: twice.slice(0, twice.indexOf("…")), cut: true });
    expect(uncutText("whole")).toEqual({ text: "whole", cut: false });
  });

  test("stays within its bytes and never halves a pair", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 300 }), fc.nat({ max: 400 }), (text, maxBytes) => {
        const cut = cutText(text, maxBytes);
        expect(new TextEncoder().encode(cut).length).toBeLessThanOrEqual(maxBytes);
        if (text.isWellFormed()) expect(cut.isWellFormed()).toBe(true);
        if (new TextEncoder().encode(text).length <= maxBytes) expect(cut).toBe(text);
      }),
    );
    expect(cutText("😀".repeat(100), 50)).toBe(`${"😀".repeat(11)}…`);
  });

  test("counts bytes as UTF-8 does", () => {
    fc.assert(fc.property(anyText, (text) => utf8Bytes(text) === new TextEncoder().encode(text).length));
  });
});
