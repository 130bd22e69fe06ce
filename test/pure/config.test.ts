import { describe, expect, test } from "vitest";
import { z } from "zod";
import { type Config, defineConfig, refuseForeignKeys } from "../../model/config.ts";
import { defineJob } from "../../model/job.ts";

const pay = defineJob({ name: "pay", input: z.object({}) });
const handled = pay.handle(() => "paid");

test("a config is given back as it is", () => {
  const config: Config = {
    jobs: [handled],
    activities: { send: () => undefined },
    queues: { payments: { retention: "7 days", keepFor: "indefinite", store: "decoded", payload: "omit" } },
    redact: ["password", "card.number"],
    shutdownGraceTime: 0,
    classifier: () => undefined,
  };
  expect(defineConfig(config)).toBe(config);
  expect(defineConfig({})).toEqual({});
});

describe("a config that cannot be meant is refused, with where and why", () => {
  const refused: Record<string, [config: object, why: string]> = {
    "a key that is none": [{ redacted: [] }, 'Unknown config key "redacted". Did you mean "redact"?'],
    "a contract in place of a handler": [{ jobs: [pay] }, "jobs[0]: it has no handler"],
    "two jobs of one name": [{ jobs: [handled, handled] }, 'jobs[1]: two jobs have the name "pay"'],
    "a job that is none": [{ jobs: [undefined] }, "jobs[0]: it has no handler"],
    "an activity of a job's name": [
      { jobs: [handled], activities: { pay: () => 1 } },
      "activities.pay: a job has an activity of this name",
    ],
    "an activity of our own name": [{ activities: { validateInput: () => 1 } }, "activities.validateInput"],
    "a queue option that is none": [
      { queues: { a: { retentions: "1 day" } } },
      'queues.a: Unknown queue option "retentions". Did you mean "retention"?',
    ],
    "a retention without a unit": [
      { queues: { a: { retention: "30" } } },
      "queues.a.retention: Expected retention to be a duration",
    ],
    "a way to store that is none": [
      { queues: { a: { store: "plain" } } },
      'queues.a.store: it must be "encoded" or "decoded", got "plain"',
    ],
    "a payload rule that is none": [
      { queues: { a: { payload: "drop" } } },
      'queues.a.payload: it must be "keep" or "omit"',
    ],
    "fields that are no list": [{ redact: "password" }, "redact: it must be a list of field names"],
    "an office of no name": [{ office: "" }, "office: it must be a name"],
    "a grace that is no duration": [
      { shutdownGraceTime: "a while" },
      "shutdownGraceTime: Expected shutdownGraceTime to be a duration",
    ],
    "a classifier that is no function": [{ classifier: {} }, "classifier: it must be a function"],
  };
  test.for(Object.entries(refused))("%s", ([, [config, why]]) => {
    expect(() => defineConfig(config as Config)).toThrow(
      expect.objectContaining({ code: "CONFIG_INVALID", message: expect.stringContaining(why) }),
    );
  });
});

test("a setting that the process does not read is refused, with the process that does", () => {
  expect(() => refuseForeignKeys({ jobs: [handled], redact: ["a"], queues: {} }, "worker")).toThrow(
    "queues, redact: read by `dlo office`, not by `dlo worker`",
  );
  expect(() => refuseForeignKeys({ jobs: [handled] }, "office")).toThrow(
    "jobs: read by `dlo worker`, not by `dlo office`",
  );
  expect(() => refuseForeignKeys({ jobs: [handled] }, "worker")).not.toThrow();
  expect(() => refuseForeignKeys({ office: "a", queues: {} }, "office")).not.toThrow();
});
