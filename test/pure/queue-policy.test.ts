import { expect, test } from "vitest";
import { checkQueueRules, queuePolicy, type QueueRules, unlessSaid } from "../../model/queue-policy.ts";
import { keepingDefaults } from "../../model/resolve-contract.ts";

const defaults = keepingDefaults({});
const dayMs = 86_400_000;

test("what a queue leaves open has its default", () => {
  expect(queuePolicy(undefined, defaults)).toEqual({
    ...{ retentionMs: 30 * dayMs, keepForMs: 90 * dayMs, onExpire: "expire", handOnTo: null, maximumRetries: 3 },
    ...{ warnBeforeMs: null, autoRetry: null },
  });
});

test("the contract's word goes before the queue's", () => {
  const queue: QueueRules = {
    retention: "1 day",
    keepFor: "indefinite",
    onExpire: { handOn: "next" },
    maximumRetries: 1,
  };
  expect(queuePolicy(queue, defaults)).toMatchObject({
    retentionMs: dayMs,
    keepForMs: "indefinite",
    onExpire: "hand_on",
    handOnTo: "next",
  });
  const contract = { retentionMs: 5 * dayMs, onExpire: "retry", maximumRetries: 7 } as const;
  expect(queuePolicy(queue, defaults, contract)).toMatchObject({
    ...{ retentionMs: 5 * dayMs, keepForMs: "indefinite", onExpire: "retry", handOnTo: null, maximumRetries: 7 },
  });
  expect(unlessSaid(contract, queue)).toEqual({});
  expect(unlessSaid(contract, { retention: "1 day" })).toEqual({ onExpire: "retry", maximumRetries: 7 });
});

test("automatic retries have a day, double their wait, and the queue's number of them", () => {
  const autoRetry = { categories: ["network"], after: "5m" } as const;
  expect(queuePolicy({ autoRetry, maximumRetries: 4 }, defaults).autoRetry).toEqual({
    ...{ categories: ["network"], afterMs: 300_000, backoffCoefficient: 2, maximumRetries: 4, withinMs: dayMs },
  });
});

test.each<[Record<string, unknown>, string]>([
  [{ a: { retention: "soon" } }, "a.retention"],
  [{ a: { retention: 0 } }, "a.retention"],
  [{ a: { warnBefore: -1 } }, "a.warnBefore"],
  [{ a: { onExpire: "delete" } }, 'it must be "expire", "retry" or { handOn: "another-queue" }'],
  [{ a: { onExpire: { handOn: "no name!" } } }, "a.onExpire"],
  [{ a: { onExpire: { handOn: "a" } } }, "in a circle: a → a"],
  [
    { a: { onExpire: { handOn: "b" } }, b: { onExpire: { handOn: "c" } }, c: { onExpire: { handOn: "a" } } },
    "a → b → c → a",
  ],
  [{ a: { maximumRetries: -1 } }, "maximumRetries must be a whole number"],
  [{ a: { autoRetry: { categories: [], after: "5m" } } }, "categories must be a list"],
  [{ a: { autoRetry: { categories: ["netwrk"], after: "5m" } } }, 'Did you mean "network"?'],
  [{ a: { autoRetry: { categories: ["network"] } } }, "after"],
  [{ a: { autoRetry: { categories: ["network"], after: "5m", backoffCoefficient: 0.5 } } }, "backoffCoefficient"],
  [{ a: { autoRetry: { categories: ["network"], after: "5m", maximumRetrys: 1 } } }, 'Did you mean "maximumRetries"?'],
])("%j is refused", (queues, why) => {
  const fail = (where: string, problem: string) => new Error(`${where}: ${problem}`);
  expect(() => checkQueueRules(queues as Record<string, QueueRules>, fail)).toThrow(why);
});
