import { expect, test } from "vitest";
import { hiddenFields, hideLike } from "../../model/hidden-fields.ts";

test("what one payload shows as redacted is hidden in others, wherever it stands and whatever its case", () => {
  const shown = [{ card: "[redacted]", lines: [{ sku: 1, Note: "[redacted]" }] }, null, ["[redacted]"]];
  expect(shown.flatMap(hiddenFields)).toEqual(["card", "Note"]);
  expect(
    hideLike(
      { billing: { CARD: "4929" }, lines: [{ sku: 1 }, { sku: 2, note: "secret" }], pin: 7, open: "yes" },
      ["pin"],
      shown,
    ),
  ).toEqual({
    billing: { CARD: "[redacted]" },
    lines: [{ sku: 1 }, { sku: 2, note: "[redacted]" }],
    pin: "[redacted]",
    open: "yes",
  });
});
