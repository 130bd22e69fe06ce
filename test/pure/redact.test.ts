import fc from "fast-check";
import { expect, test } from "vitest";
import { redact } from "../../model/redact.ts";

test("a field's name hides it at any depth, whatever its case", () => {
  const value = { Password: "a", user: { password: "b", name: "ann" }, list: [{ PASSWORD: { deep: 1 } }, "password"] };
  expect(redact(value, ["password"])).toEqual({
    Password: "[redacted]",
    user: { password: "[redacted]", name: "ann" },
    list: [{ PASSWORD: "[redacted]" }, "password"],
  });
});

test("a dotted path hides that place alone, and of a list that of every item", () => {
  const value = { number: 1, card: { number: 2, holder: "ann" }, items: [{ card: { number: 3 } }, { number: 4 }] };
  expect(redact(value, ["card.number", "items.number"])).toEqual({
    number: 1,
    card: { number: "[redacted]", holder: "ann" },
    items: [{ card: { number: 3 } }, { number: "[redacted]" }],
  });
});

test("what has nothing to hide stays, and the given value is not changed", () => {
  const value = Object.freeze({ a: 1, list: Object.freeze([1, null, "x"]) });
  expect(redact(value, [])).toBe(value);
  expect(redact(value, ["b"])).toEqual(value);
  for (const plain of [1, "secret", null, undefined, true]) expect(redact(plain, ["secret"])).toBe(plain);
});

test("no value of a named field is left, wherever it stands", () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      const hidden = redact({ around: [value, { secret: "7f3a-leak" }], deep: { SECRET: { x: "7f3a-leak" } } }, [
        "secret",
      ]);
      expect(JSON.stringify(hidden)).not.toContain("7f3a-leak");
    }),
  );
});
