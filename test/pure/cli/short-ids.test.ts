import { expect, test } from "vitest";
import { shortIds } from "../../../cli/short-ids.ts";

test("ids are as short as tells them apart", () => {
  const [one, two] = ["0197a3b2-1c4d-7abc-8def-000000000001", "0197a3b2-1c4e-7abc-8def-000000000002"];
  expect([...shortIds([one, two]).values()]).toEqual(["0197a3b2-1c4d", "0197a3b2-1c4e"]);
  const sameMillisecond = "0197a3b2-1c4d-7abd-8def-000000000003";
  expect([...shortIds([one, sameMillisecond]).values()]).toEqual(["0197a3b2-1c4d-7abc", "0197a3b2-1c4d-7abd"]);
  expect(shortIds([one, one]).size).toBe(1);
  expect(shortIds([]).size).toBe(0);
});
