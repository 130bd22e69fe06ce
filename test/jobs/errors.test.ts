import { ApplicationFailure } from "@temporalio/common";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { defineJob } from "../../model/index.ts";
import { openWorld, type World } from "../setup/world.ts";
import { dieOf } from "./coroner.ts";

let world: World;

/** What the one job of this file throws, by the name in its input. */
const thrown: Record<string, () => unknown> = {
  text: () => "just a text",
  nothing: () => undefined,
  object: () => ({ code: 17, why: "no class" }),
  many: () => new AggregateError([new TypeError("first"), new RangeError("second")], "two at once"),
  chain: () =>
    "abcdefgh"
      .split("")
      .reduceRight<Error | undefined>((cause, name) => new Error(name, cause && { cause }), undefined),
  megabyte: () => new Error(`begins ${"x".repeat(1024 * 1024)}`),
  circular: () => {
    const detail: Record<string, unknown> = { name: "ring" };
    detail["self"] = detail;
    return Object.assign(new Error("circular"), { detail });
  },
  dirty: () => new Error("nul \u0000 and half \ud800 a pair"),
  weird: () => Object.assign(new Error("oddly named"), { name: `we\u0000ird ${"n".repeat(5000)}` }),
  details: () =>
    ApplicationFailure.create({
      message: "detailed",
      type: "Detailed",
      details: [{ blob: "d".repeat(3 * 1024 * 1024) }],
    }),
  hostile: () =>
    new Proxy(new Error("hidden"), {
      get: () => {
        throw new Error("no looking");
      },
    }),
  cancelled: () => Object.assign(new Error("somebody else's job was cancelled"), { name: "CancelledFailure" }),
};

const input = z.looseObject({ throw: z.string() });
const thrower = defineJob({
  name: "thrower",
  input,
  activity: { retry: { maximumAttempts: 2, initialInterval: "1 ms" } },
});
const patient = defineJob({
  name: "patient",
  input: z.object({}),
  activity: {
    retry: { maximumAttempts: 120, initialInterval: "1 ms", maximumInterval: "1 second", backoffCoefficient: 1 },
  },
});
const returns = defineJob({ name: "returns", input: z.object({ what: z.enum(["large", "bigint", "bytes"]) }) });

beforeAll(async () => {
  world = await openWorld();
  await world.office();
  await world.worker({
    jobs: [
      thrower.handle((given) => {
        throw thrown[given.throw]!();
      }),
      patient.handle((_, { attempt }) => {
        throw new Error(`failure ${attempt} ${"blah ".repeat(100_000)}`, { cause: new Error("c".repeat(100_000)) });
      }),
      returns.handle(
        ({ what }) => ({ large: "x".repeat(3_000_000), bigint: 1n, bytes: new Uint8Array([1, 2, 3]) })[what],
      ),
    ],
  });
});
afterAll(async () => await world?.close());

test.for([
  ["text", { errorType: "NonError", errorMessage: "just a text" }],
  ["nothing", { errorType: "NonError", errorMessage: "undefined was thrown" }],
  ["object", { errorType: "NonError", errorMessage: '{"code":17,"why":"no class"}' }],
  [
    "many",
    {
      errorType: "AggregateError",
      failure: { errors: [{ type: "TypeError", message: "first" }, { type: "RangeError" }] },
    },
  ],
  ["circular", { errorType: "Error", errorMessage: "circular", failure: { properties: { detail: { name: "ring" } } } }],
  ["hostile", { errorType: expect.any(String) }],
  ["cancelled", { errorType: "CancelledFailure", reason: "exhausted" }],
] as const)("whatever is thrown becomes a letter: %s", async ([what, told]) => {
  const { letter, attempts } = await dieOf(world, thrower, { throw: what });
  expect(letter).toMatchObject({ attempts: 2, reason: "exhausted", ...told });
  expect(attempts).toMatchObject([
    { n: 1, state: "failed", errorType: letter.errorType },
    { n: 2, state: "failed", errorType: letter.errorType },
  ]);
});

test("a cause chain is kept five deep, and says that it was cut", async () => {
  const { letter } = await dieOf(world, thrower, { throw: "chain" });
  expect(letter.failure).toMatchObject({ message: "a", cut: true });
  expect(letter.failure.causes.map(({ message }) => message)).toEqual(["b", "c", "d", "e", "f"]);
});

test("Temporal's own record of the failure has the causes too", async () => {
  const { letter } = await dieOf(world, thrower, { throw: "chain" });
  const { events } = await world.dlo.temporal.workflow.getHandle(letter.workflowId).fetchHistory();
  const failed = events?.find(
    ({ activityTaskFailedEventAttributes: failed }) => failed,
  )?.activityTaskFailedEventAttributes;
  expect(failed?.failure).toMatchObject({ message: "a", cause: { message: "b", cause: { message: "c" } } });
});

test("a message of a megabyte costs neither the job nor its attempts", async () => {
  const { letter, attempts } = await dieOf(world, thrower, { throw: "megabyte" });
  expect(letter.errorMessage).toMatch(/^begins xxx/);
  expect(Buffer.byteLength(letter.errorMessage)).toBeLessThanOrEqual(4096);
  expect(letter.failure.cut).toBe(true);
  expect(letter.attempts).toBe(2);
  expect(attempts.map(({ state }) => state)).toEqual(["failed", "failed"]);
});

test("details of three megabytes are cut", async () => {
  const { letter } = await dieOf(world, thrower, { throw: "details" });
  expect(letter).toMatchObject({ errorType: "Detailed", errorMessage: "detailed", attempts: 2 });
  expect(JSON.stringify(letter.failure).length).toBeLessThan(65_536);
});

test("what Postgres refuses is replaced, and the letter is marked as cleaned", async () => {
  const { letter } = await dieOf(world, thrower, { throw: "dirty" });
  expect(letter.cleaned).toBe(true);
  expect(letter.errorMessage).toMatch(/^nul .+ and half .+ a pair$/);
  expect(letter.errorMessage).not.toMatch(/\u0000|\ud800/);
});

test("an error of a weird name is filed under what is left of it", async () => {
  const { letter } = await dieOf(world, thrower, { throw: "weird" });
  expect(letter.errorType).toMatch(/^we.ird n+/);
  expect(Buffer.byteLength(letter.errorType)).toBeLessThanOrEqual(250);
});

test("a payload that Postgres refuses is shown cleaned, and run again as it was", async () => {
  const dirty = { throw: "text", "ke\u0000y": "v\u0000", half: "\ud800!" };
  const { letter } = await dieOf(world, thrower, dirty, {
    key: "k\u0000ey",
    headers: { "x\u0000": "\udfff" },
    batch: "b\u0000",
  });
  expect(letter.cleaned).toBe(true);
  expect(JSON.stringify([letter.payload, letter.headers, letter.key, letter.batch])).not.toMatch(
    /\\u0000|\\ud800|\\udfff/,
  );
  const again = await world.dlo.letters.retry(letter.id, { waitFor: "30 seconds" });
  expect(again).toMatchObject({ status: "parked", deaths: 2 });
  const { events } = await world.dlo.temporal.workflow.getHandle(letter.workflowId).fetchHistory();
  const [payload] = events?.[0]?.workflowExecutionStartedEventAttributes?.input?.payloads ?? [];
  expect(JSON.parse(Buffer.from(payload!.data!).toString())).toEqual(dirty);
});

// The dev server takes up to 300 ms for an attempt once there were ten.
test(
  "of 120 attempts with much to say the first 5 and the last 95 are kept, with the true count",
  { timeout: 180_000 },
  async () => {
    const { letter, attempts } = await dieOf(world, patient, {});
    expect(letter.attempts).toBe(120);
    const kept = [...range(1, 5), ...range(26, 120)];
    expect(attempts.map(({ n }) => n)).toEqual(kept);
    expect(attempts.map(({ errorMessage }) => /^failure \d+ blah/.exec(errorMessage!)?.[0])).toEqual(
      kept.map((n) => `failure ${n} blah`),
    );
  },
);

test("a result that cannot be sent is a death that says so", async () => {
  const large = await dieOf(world, returns, { what: "large" });
  expect(large.letter).toMatchObject({ reason: "non_retryable", errorType: "ResultTooLarge", attempts: 1 });
  expect(large.attempts).toMatchObject([{ state: "failed" }]);
  const unsendable = await dieOf(world, returns, { what: "bigint" });
  expect(unsendable.letter).toMatchObject({ reason: "non_retryable", errorType: "ResultUnsendable", attempts: 1 });
  expect(await world.dlo.run(returns, { what: "bytes" })).toEqual(new Uint8Array([1, 2, 3]));
});

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from + 1 }, (_, i) => from + i);
}
