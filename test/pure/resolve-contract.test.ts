import { expect, test } from "vitest";
import { readContract } from "../../model/contract.ts";
import { jobDefaults, keepingDefaults, resolveContract } from "../../model/resolve-contract.ts";

const dayMs = 86_400_000;

test("what a contract leaves open has the defaults", () => {
  expect(resolveContract(readContract({ name: "pay" }), jobDefaults({}))).toEqual({
    name: "pay",
    taskQueue: "jobs",
    activity: { startToCloseTimeoutMs: 300_000, heartbeatTimeoutMs: 30_000, retry: { maximumAttempts: 5 } },
    deadLetter: { queue: "default", office: "dead-letter-office", tags: [], onExpire: "expire", maximumRetries: 3 },
  });
});

test("the environment changes defaults, never what a contract says", () => {
  const defaults = jobDefaults({ DLO_ENABLED: "false", DLO_MAXIMUM_ATTEMPTS: "7" });
  expect(resolveContract(readContract({ name: "pay" }), defaults)).toMatchObject({
    activity: { retry: { maximumAttempts: 7 } },
    deadLetter: false,
  });
  const said = readContract({ name: "pay", activity: { retry: { maximumAttempts: 2 } }, deadLetter: {} });
  expect(resolveContract(said, defaults)).toMatchObject({
    activity: { retry: { maximumAttempts: 2 } },
    deadLetter: { queue: "default" },
  });
  const off = readContract({ name: "pay", deadLetter: false });
  expect(resolveContract(off, jobDefaults({ DLO_ENABLED: "true" })).deadLetter).toBe(false);
});

test("each default says where it came from", () => {
  expect(jobDefaults({})).toEqual({
    enabled: { value: true, from: "built-in default" },
    maximumAttempts: { value: 5, from: "built-in default" },
  });
  expect(jobDefaults({ DLO_ENABLED: "0", DLO_MAXIMUM_ATTEMPTS: "1" })).toEqual({
    enabled: { value: false, from: "DLO_ENABLED" },
    maximumAttempts: { value: 1, from: "DLO_MAXIMUM_ATTEMPTS" },
  });
  expect(keepingDefaults({})).toMatchObject({ retentionMs: { value: 30 * dayMs }, keepForMs: { value: 90 * dayMs } });
  expect(keepingDefaults({ DLO_RETENTION: "2 hours", DLO_KEEP_FOR: "indefinite" })).toEqual({
    retentionMs: { value: 7_200_000, from: "DLO_RETENTION" },
    keepForMs: { value: "indefinite", from: "DLO_KEEP_FOR" },
  });
});

test.for([
  [{ DLO_ENABLED: "maybe" }, 'DLO_ENABLED is "maybe"; expected one of 0, 1, true, false, yes, no'],
  [{ DLO_ENABLED: "constructor" }, "DLO_ENABLED"],
  [{ DLO_MAXIMUM_ATTEMPTS: "0" }, "a whole number of at least 1, the first attempt included"],
  [{ DLO_MAXIMUM_ATTEMPTS: "3.5" }, "DLO_MAXIMUM_ATTEMPTS"],
  [{ DLO_RETENTION: "30" }, "the unit is missing"],
  [{ DLO_KEEP_FOR: "0" }, "DLO_KEEP_FOR"],
] as const)("a value that means nothing is refused: %j", ([env, why]) => {
  expect(() => [jobDefaults(env), keepingDefaults(env)]).toThrow(
    expect.objectContaining({ code: "CONFIG_INVALID", message: expect.stringContaining(why) }),
  );
});
