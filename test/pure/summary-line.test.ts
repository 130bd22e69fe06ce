import fc from "fast-check";
import { expect, test } from "vitest";
import { utf8Bytes } from "../../model/clean.ts";
import { summaryLine } from "../../model/summary-line.ts";

test("a summary is the beginning of the text, on one line, and never longer than the server takes", () => {
  expect(summaryLine("cause_new ·\n  it died")).toBe("cause_new · it died");
  expect(summaryLine("x".repeat(500))).toBe("x".repeat(200));
  expect(summaryLine("死".repeat(200))).toBe("死".repeat(66));
  expect(summaryLine('"'.repeat(200))).toBe('"'.repeat(100));
  expect(summaryLine("😀".repeat(60))).toBe("😀".repeat(50));
  fc.assert(
    fc.property(fc.string({ unit: "binary", maxLength: 400 }), (text) => {
      const line = summaryLine(text);
      expect(text.replaceAll(/\s+/g, " ").startsWith(line)).toBe(true);
      expect(utf8Bytes(JSON.stringify(line))).toBeLessThanOrEqual(202);
    }),
  );
});
