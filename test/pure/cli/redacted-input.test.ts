import fc from "fast-check";
import { expect, test } from "vitest";
import { hasRedacted, hideAsShown, restoreHidden } from "../../../cli/redacted-input.ts";
import { redact, redacted } from "../../../model/redact.ts";

test("what is hidden comes back whole, whatever the input", () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.array(fc.constantFrom("a", "b", "c", "0")), (input, fields) => {
      const shown = redact(input, fields);
      const hidden = hideAsShown(input, shown);
      expect(hidden).toEqual(shown);
      expect(restoreHidden(hidden, input)).toEqual(input);
    }),
  );
});

test("an edit keeps hidden values, and may replace them", () => {
  const actual = { card: { number: "4711", cvc: "123" }, amount: 5 };
  const edited = { card: { number: redacted, cvc: "456" }, amount: 6 };
  expect(restoreHidden(edited, actual)).toEqual({ card: { number: "4711", cvc: "456" }, amount: 6 });
});

test("a hidden value that was moved stands for nothing, and is found", () => {
  expect(hasRedacted(restoreHidden({ moved: { number: redacted } }, { card: { number: "4711" } }))).toBe(false);
  expect(restoreHidden({ moved: redacted }, { card: 1 })).toEqual({ moved: undefined });
});
