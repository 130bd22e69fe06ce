import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { jobDescriptions } from "../../activities/job-descriptions.ts";
import { checkCapturePolicy, mayCapture } from "../../model/capture-policy.ts";
import { readCapturedRecord, recordKeys } from "../../model/captured-record.ts";
import { defineConfig, defineJob } from "../../model/index.ts";
import { recordId } from "../../model/record-id.ts";
import { type RecordSource, sourceText } from "../../model/record-source.ts";

const nowMs = Date.UTC(2026, 10, 28);
const read = (more: Record<string, unknown> = {}) => readCapturedRecord({ ...minimal, ...more }, { by: "me", nowMs });
const minimal = { job: "book-order", payload: 1, source: { topic: "orders", offset: 1 }, error: "boom" };

describe("the id that a source makes", () => {
  test.each<[RecordSource, string]>([
    [{ system: "kafka", topic: "orders", partition: 3, offset: "4711" }, "kafka:offset=4711,partition=3,topic=orders"],
    [{ message: "7c1d" }, "message=7c1d"],
    [{ system: "sqs", queue: "arn:aws:sqs:eu-west-1:1:orders" }, "sqs:queue=arn:aws:sqs:eu-west-1:1:orders"],
    [{ system: "a/b", "c=d": "e,f~%" }, "a%2Fb:c%3Dd=e%2Cf%7E%25"],
    [{ path: "dead-letter/ü 1" }, "path=dead-letter/%C3%BC%201"],
  ])("%j", (source, id) => expect(recordId(source)).toBe(id));

  const word = fc.oneof(
    fc.string({ minLength: 1, maxLength: 40, unit: "binary" }),
    fc.stringMatching(/^[a-c:=,~%/1-3]{1,6}$/),
    fc.string({ minLength: 180, maxLength: 400 }),
  );
  const source = fc
    .dictionary(fc.oneof(fc.constant("system"), word), fc.oneof(word, fc.integer()), { minKeys: 1, maxKeys: 6 })
    .filter((made) => Object.keys(made).some((key) => key !== "system" && key !== "__proto__"))
    .map((made) => ({ ...made }));

  test("does not depend on the order of its coordinates", () => {
    fc.assert(
      fc.property(source, fc.infiniteStream(fc.integer()), (made, order) => {
        const shuffled = Object.entries(made)
          .map((pair) => ({ pair, at: order.next().value as number }))
          .toSorted((one, other) => one.at - other.at)
          .map(({ pair }) => pair);
        expect(recordId(Object.fromEntries(shuffled))).toBe(recordId(made));
      }),
    );
  });

  test("is another one for another source", () => {
    const asTexts = (made: RecordSource) =>
      JSON.stringify(
        Object.entries(made)
          .map(([name, value]) => [name, String(value)] as const)
          .toSorted(([one], [other]) => (one < other ? -1 : 1)),
      );
    fc.assert(
      fc.property(source, source, (one, other) => {
        if (asTexts(one) === asTexts(other)) expect(recordId(one)).toBe(recordId(other));
        else expect(recordId(one)).not.toBe(recordId(other));
      }),
      { numRuns: 500 },
    );
  });

  test("is printable, at most 200 characters, and never a letter's", () => {
    fc.assert(
      fc.property(source, (made) => {
        expect(recordId(made)).toMatch(/^[\x21-\x7e]{1,200}$/);
        expect(recordId(made)).not.toMatch(/^dead-letter\//);
      }),
    );
  });

  test("long sources that begin alike are told apart", () => {
    const long = (end: string) => recordId({ system: "http", url: `https://example.org/${"a".repeat(500)}${end}` });
    expect(long("1")).not.toBe(long("2"));
    expect(long("1")).toMatch(/^http:url=https:\/\/example\.org\/a+~[0-9a-f]{40}$/);
  });

  test("people see it in a line", () =>
    expect(sourceText({ topic: "orders", system: "kafka", offset: "7" })).toBe("kafka offset=7 topic=orders"));
});

describe("a record at the door", () => {
  test("has defaults", () =>
    expect(read()).toEqual({
      capture: {
        ...{
          job: "book-order",
          taskQueue: "jobs",
          source: minimal.source,
          reason: "failed",
          attempts: 1,
          tags: [],
          by: "me",
        },
        failedAtMs: nowMs,
        error: { type: "NonError", message: "boom", causes: [] },
      },
      payload: 1,
      memo: {},
    }));

  test("with a contract has its task queue, office and key", () => {
    const job = defineJob({
      name: "ship",
      input: z.object({ order: z.string() }),
      taskQueue: "shipping",
      key: ({ order }) => order.toUpperCase(),
      deadLetter: { office: "refunds" },
    });
    expect(read({ job, payload: { order: "a" } })).toMatchObject({
      ...{ capture: { job: "ship", taskQueue: "shipping" }, office: "refunds", memo: { version: 1, key: "A" } },
    });
    // What its `key` cannot read is what failed records are like.
    expect(read({ job, payload: null }).memo).toEqual({});
    expect(read({ job, payload: null, key: "b", taskQueue: "other" })).toMatchObject({
      ...{ memo: { key: "b" }, capture: { taskQueue: "other" } },
    });
  });

  test("tells an error as it was thrown, or as another language tells it", () => {
    const thrown = new RangeError("outer", { cause: new TypeError("inner") });
    expect(read({ error: thrown }).capture.error).toMatchObject({
      ...{ type: "RangeError", message: "outer", stack: expect.stringContaining("captured-record.test.ts") as string },
      causes: [{ type: "TypeError", message: "inner" }],
    });
    const told = { type: "java.io.IOException", message: "m", code: "E7", causes: [{ type: "A", message: "a" }, "b"] };
    expect(read({ error: told }).capture.error).toEqual({
      ...{ type: "java.io.IOException", message: "m", code: "E7" },
      causes: [
        { type: "A", message: "a" },
        { type: "Error", message: "b" },
      ],
    });
  });

  test.each([
    ["2026-11-27T10:00:00Z", Date.UTC(2026, 10, 27, 10)],
    [new Date(1_700_000_000_000), 1_700_000_000_000],
    [1_700_000_000_000, 1_700_000_000_000],
    ["1700000000000", 1_700_000_000_000],
    [nowMs + 60_000, nowMs],
  ])("failed at %j", (failedAt, ms) => expect(read({ failedAt }).capture.failedAtMs).toBe(ms));

  test("bytes come in base64", () => {
    const { payload: _, ...without } = minimal;
    expect(readCapturedRecord({ ...without, payloadBase64: "AP8=" }, { by: "me", nowMs }).payload).toEqual(
      new Uint8Array([0, 255]),
    );
  });

  test.each<[Record<string, unknown>, string]>([
    [{ paylod: 1 }, 'Unknown field of a record "paylod". Did you mean "payload"?'],
    [{ job: undefined }, "job must be what a retry starts"],
    [{ job: "not a name" }, "job must be what a retry starts"],
    [{ job: "redrive" }, '"redrive" is no job'],
    [{ job: "toString" }, '"toString" is no job'],
    [{ payload: undefined }, "payload is missing"],
    [{ payloadBase64: "AA==" }, "say the same twice"],
    [{ payload: undefined, payloadBase64: "no!" }, "payloadBase64 must be bytes in base64"],
    [{ source: undefined }, "source is missing"],
    [{ source: "orders" }, "source must be an object"],
    [{ source: [] }, "source must be an object"],
    [{ source: { system: "kafka" } }, "source has no coordinate"],
    [{ source: { offset: null } }, "source.offset must be a text or a number"],
    [{ source: { at: { nested: 1 } } }, "source.at must be a text or a number"],
    [{ source: { offset: "" } }, "source.offset must be a text of 1 to 1,000"],
    [{ source: { offset: 2 ** 60 } }, "give it as a text"],
    [{ source: { offset: Number.NaN } }, "source.offset must be a number that JSON has"],
    [{ source: { name: "half \ud800" } }, "source.name must be a text"],
    [{ source: { workflow: "dead-letter/a" } }, "a letter of a letter would have no end"],
    [{ error: undefined }, "error is missing"],
    [{ reason: "lost" }, "reason must be one of exhausted, non_retryable, timed_out, given_up, failed"],
    [{ category: "netwrok" }, 'Did you mean "network"?'],
    [{ headers: { a: {} } }, "headers.a must be a text or bytes"],
    [{ headers: "a" }, "headers must be an object"],
    [{ key: {} }, "key must be a text"],
    [{ key: "x".repeat(256) }, "of at most 255 characters"],
    [{ queue: "a b" }, "queue must be a name"],
    [{ tags: "a" }, "tags must be a list"],
    [{ failedAt: "soon" }, "failedAt must be a time"],
    [{ failedAt: 1_700_000_000 }, "looks like seconds"],
    [{ attempts: 1.5 }, "attempts must be a whole number"],
    [{ by: "" }, "by must be a text"],
  ])("%j is refused", (more, why) => {
    expect(() => read(more)).toThrow(why);
    expect(() => read(more)).toThrow(
      expect.objectContaining({ code: expect.stringMatching(/^(INPUT_INVALID|CAPTURE_REFUSED)$/) as string }),
    );
  });

  test("anything at all is read or refused with a code", () => {
    const field = fc.constantFrom(...recordKeys);
    fc.assert(
      fc.property(fc.dictionary(field, fc.anything()), fc.boolean(), (fields, isComplete) => {
        try {
          readCapturedRecord(isComplete ? { ...minimal, ...fields } : fields, { by: "me", nowMs });
        } catch (error) {
          expect(error).toMatchObject({ code: expect.stringMatching(/^(INPUT_INVALID|CAPTURE_REFUSED)$/) as string });
        }
      }),
      { numRuns: 500 },
    );
  });
});

test("what an office takes", () => {
  expect(mayCapture("any", {})).toBe(true);
  expect(["import-movie", "ship", "shipping"].map((job) => mayCapture(job, { jobs: ["import-*", "ship"] }))).toEqual([
    ...[true, true, false],
  ]);
  expect(mayCapture("any", { jobs: [] })).toBe(false);
  for (const [policy, why] of [
    [{ job: ["a"] }, 'Did you mean "jobs"?'],
    [{ jobs: "a" }, "jobs must be a list"],
    [{ jobs: ["a*b"] }, "jobs must be a list"],
    [{ maximumBytes: "1 MB" }, "maximumBytes must be a whole number"],
    [[], "it must be an object"],
  ] as const) {
    expect(() => checkCapturePolicy(policy)).toThrow(why);
    expect(() => defineConfig({ capture: policy as never })).toThrow(
      expect.objectContaining({ code: "CONFIG_INVALID", message: expect.stringContaining(why) as string }),
    );
  }
});

test("what a job is holds for a minute, and that nobody says so for ten seconds", () => {
  let nowIs = 0;
  const kept = jobDescriptions(() => nowIs);
  const known = { known: true, deadLetter: false } as const;
  kept.set("a", "q", known);
  kept.set("b", "q", null);
  kept.set("c", "q", { known: false, knows: ["a"] });
  expect([kept.get("a", "q"), kept.get("b", "q"), kept.get("c", "q"), kept.get("a", "p")]).toEqual([
    known,
    null,
    undefined,
    undefined,
  ]);
  nowIs = 10_000;
  expect([kept.get("a", "q"), kept.get("b", "q")]).toEqual([known, undefined]);
  nowIs = 60_000;
  expect(kept.get("a", "q")).toBeUndefined();
});
