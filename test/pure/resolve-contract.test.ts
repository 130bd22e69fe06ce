import { expect, test } from "vitest";
import { z } from "zod";
import { readContract } from "../../model/contract.ts";
import { defineJob } from "../../model/job.ts";
import { jobDefaults, keepingDefaults, resolveContract, resolveHandled } from "../../model/resolve-contract.ts";
import { contractsOf } from "../../workflows/contracts-of.ts";

const dayMs = 86_400_000;

test("what a contract leaves open has the defaults", () => {
  expect(resolveContract(readContract({ name: "pay" }), jobDefaults({}))).toEqual({
    name: "pay",
    taskQueue: "jobs",
    activity: { startToCloseTimeoutMs: 300_000, heartbeatTimeoutMs: 30_000, retry: { maximumAttempts: 5 } },
    deadLetter: { queue: "default", office: "dead-letter-office", tags: [] },
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

test("a bundle's contract says whether its worker has code to be asked about timeouts", () => {
  const pay = defineJob({ name: "pay", input: z.object({}) });
  const ship = defineJob({ name: "ship", input: z.object({}) });
  const plain = resolveContract(pay.contract, jobDefaults({}));
  expect(
    resolveHandled(
      pay.handle(() => 1),
      jobDefaults({}),
    ),
  ).toEqual(plain);
  for (const options of [{ onFailure: () => undefined }, { record: () => undefined }])
    expect(
      resolveHandled(
        pay.handle(() => 1, options),
        jobDefaults({}),
      ),
    ).toEqual({ ...plain, decides: true });
  expect(contractsOf([pay, ship])).toMatchObject({ pay: plain });
  expect(contractsOf([pay, ship])["ship"]).not.toHaveProperty("decides");
  expect(contractsOf([pay, ship], { deciding: [ship] })).toMatchObject({ pay: plain, ship: { decides: true } });
});
