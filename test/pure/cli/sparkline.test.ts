import { expect, test } from "vitest";
import { sparkline } from "../../../cli/sparkline.ts";

test("the largest number is the tallest bar, and what is not nothing is seen", () => {
  expect(sparkline([0, 1, 2, 4, 8])).toBe("·▁▂▄█");
  expect(sparkline([1, 1000])).toBe("▁█");
  expect(sparkline([0, 0])).toBe("··");
  expect(sparkline([])).toBe("");
});
