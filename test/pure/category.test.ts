import { expect, test } from "vitest";
import { categories, needsPerson } from "../../model/category.ts";

test("data, auth, code, lost and unknown need a person; the rest is transient", () => {
  expect(categories.filter(needsPerson)).toEqual(["data", "auth", "code", "lost", "unknown"]);
  expect(categories.filter((category) => !needsPerson(category))).toEqual([
    "timeout",
    "network",
    "dependency",
    "rate_limit",
    "resource",
  ]);
});
