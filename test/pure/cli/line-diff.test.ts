import fc from "fast-check";
import { expect, test } from "vitest";
import { lineDiff } from "../../../cli/line-diff.ts";

const text = fc
  .array(fc.constantFrom("a", "b", "c", "d"), { minLength: 1, maxLength: 12 })
  .map((lines) => lines.join("\n"));

test("the lines that stay and go are the old text, those that stay and come the new one", () => {
  fc.assert(
    fc.property(text, text, (before, after) => {
      fc.pre(before !== after);
      const lines = lineDiff(before, after, Number.POSITIVE_INFINITY).filter((line) => line !== null);
      expect(lines.filter(({ mark }) => mark !== "+").map((line) => line.text)).toEqual(before.split("\n"));
      expect(lines.filter(({ mark }) => mark !== "-").map((line) => line.text)).toEqual(after.split("\n"));
    }),
  );
});

test("shared lines far from a change are left out", () => {
  const before = ["1", "2", "3", "4", "5", "6", "7"].join("\n");
  const shown = lineDiff(before, before.replace("5", "five"), 1).map((line) =>
    line === null ? "…" : line.mark + line.text,
  );
  expect(shown).toEqual(["…", " 4", "-5", "+five", " 6", "…"]);
});

test("equal texts differ nowhere", () => {
  expect(lineDiff("a\nb", "a\nb")).toEqual([null]);
});
