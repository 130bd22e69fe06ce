import { expect, test } from "vitest";
import { addSeen, nothingSeen } from "../../model/adopt-activities.ts";
import { adoptPolicyOf } from "../../model/adopt-policy.ts";
import { closedWithin, readAdoption } from "../../model/adopt.ts";
import { defineConfig } from "../../model/config.ts";

const asked = { id: "0197A3B2-1C4D-7000-8000-000000000001", by: "office", atMs: 1_000 };

test("a policy by type: the whole name, then the longest beginning, then the default", () => {
  const policies = {
    "*": { queue: "all" },
    "Order*": { queue: "orders" },
    "OrderReport*": false,
    OrderReport: { queue: "reports", retention: "3 days", tags: ["a"] },
  } as const;
  const queueOf = (type: string) => {
    const policy = adoptPolicyOf(policies, type);
    return policy === false ? false : policy.queue;
  };
  expect(queueOf("OrderReport")).toBe("reports");
  expect(queueOf("OrderReportOfToday")).toBe(false);
  expect(queueOf("OrderWorkflow")).toBe("orders");
  expect(queueOf("toString")).toBe("all");
  expect(adoptPolicyOf({}, "constructor")).toEqual({ queue: "default", office: "dead-letter-office", tags: [] });
  expect(adoptPolicyOf(policies, "OrderReport")).toMatchObject({ retentionMs: 259_200_000, tags: ["a"] });
});

test.each([
  [{ Order: { queu: "x" } }, 'adopt.Order: Unknown option "queu". Did you mean "queue"?'],
  [{ Order: { office: "other" } }, 'adopt.Order: Unknown option "office"'],
  [{ Order: { queue: "a b" } }, "adopt.Order: queue must be a name"],
  [{ Order: { retention: 0 } }, "adopt.Order: retention is 0"],
  [{ Order: true }, "adopt.Order: expected an object of options"],
  [{ "Ord*er": {} }, "adopt.Ord*er: a type, or how it begins"],
  [[], "adopt: it must be an object by workflow type"],
])("a configuration that cannot be meant: %j", (adopt, why) => {
  expect(() => defineConfig({ adopt: adopt as never })).toThrow(why);
});

test("what is asked of an adoption, with its defaults", () => {
  expect(readAdoption({ query: " WorkflowType = 'a' " }, asked)).toEqual({
    ...{ id: asked.id.toLowerCase(), query: "WorkflowType = 'a'", what: "workflows", watch: null, dryRun: false },
    ...{ by: "office", reason: null, asOfMs: 1_000 },
  });
});

test.each([
  [undefined, "An adoption takes an object"],
  [{}, "query must be a Visibility query"],
  [{ query: "a", dryrun: true }, 'Unknown adopt option "dryrun". Did you mean "dryRun"?'],
  [{ query: "a", what: "activity" }, 'Did you mean "activities"?'],
  [{ query: "a", watch: "a b" }, "watch must be a name"],
  [{ query: "a", dryRun: 1 }, "dryRun must be true or false"],
  [{ query: "a", id: "1" }, "id must be a UUID"],
  [{ query: "a", reason: "x".repeat(10_001) }, "reason must be a text of at most 10000 characters"],
])("an adoption that cannot be meant: %j", (given, why) => {
  expect(() => readAdoption(given, asked)).toThrow(why);
});

test("windows of time share no moment, and the query stays whole", () => {
  expect(closedWithin("a = 'b' OR c = 'd'", 0, 60_000)).toBe(
    "(a = 'b' OR c = 'd') AND ExecutionStatus IN ('Failed', 'TimedOut', 'Terminated') AND CloseTime >= '1970-01-01T00:00:00.000Z' AND CloseTime < '1970-01-01T00:01:00.000Z'",
  );
});

test("parts of an adoption add up", () => {
  const part = {
    ...{ adopted: 1, skipped: { known: 2 }, groups: [{ type: "order", queue: "default", count: 1 }] },
    samples: Array.from({ length: 15 }, () => ({}) as never),
    left: [],
  };
  const sum = addSeen(addSeen(nothingSeen, part), { ...part, skipped: { known: 1, child: 1 } });
  expect(sum).toMatchObject({ adopted: 2, skipped: { known: 3, child: 1 }, groups: [{ count: 2 }] });
  expect(sum.samples).toHaveLength(20);
});
