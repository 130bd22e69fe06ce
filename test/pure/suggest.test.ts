import { expect, test } from "vitest";
import { didYouMean, unknownWord } from "../../model/suggest.ts";

const options = ["queue", "office", "retention", "keepFor", "tags", "onExpire", "maximumRetries"];

test.each([
  ["retension", "retention"],
  ["Retention", "retention"],
  ["keepfor", "keepFor"],
  ["onexpired", "onExpire"],
  ["maxRetries", "maximumRetries"],
  ["retries", "maximumRetries"],
  ["tag", "tags"],
  ["qeue", "queue"],
])("%s is probably %s", (word, meant) => {
  expect(didYouMean(word, options)).toBe(meant);
});

test.each(["colour", "cause", "x", "", "a".repeat(100_000)])("nothing is near %.20s", (word) => {
  expect(didYouMean(word, options)).toBeUndefined();
});

test("an unknown word is told with the near one and all known ones", () => {
  expect(unknownWord("option", "retension", ["queue", "retention"])).toBe(
    'Unknown option "retension". Did you mean "retention"? Known: queue, retention',
  );
  expect(unknownWord("option", "colour", ["queue"])).toBe('Unknown option "colour". Known: queue');
  expect(unknownWord("job", "x", [])).toBe('Unknown job "x". None is known.');
  expect(unknownWord("option", "a".repeat(5000), ["queue"]).length).toBeLessThan(200);
});
