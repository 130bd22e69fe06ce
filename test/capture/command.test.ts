import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { defineJob } from "../../model/index.ts";
import { dlo, environmentOf } from "../cli/dlo.ts";
import { openWorld, type World } from "../setup/world.ts";

// dlo capture, off a terminal: JSON lines in, letters out.

let world: World;
let env: Record<string, string>;
const given: unknown[] = [];
const bookOrder = defineJob({ name: "book-order", input: z.any() });

beforeAll(async () => {
  world = await openWorld();
  env = environmentOf(world);
  await world.office();
  await world.worker({ jobs: [bookOrder.handle((input: unknown) => void given.push(input))] });
});
afterAll(async () => await world?.close());

const line = (offset: number, more: object = {}) => ({
  payload: { order: offset },
  source: { system: "kafka", topic: "orders", offset },
  error: { type: "Timeout", message: "the shop did not answer" },
  ...more,
});
const lines = (...all: unknown[]) => all.map((one) => (typeof one === "string" ? one : JSON.stringify(one))).join("\n");

test("lines from a pipe become letters; what is refused is said with its line, and the rest goes on", async () => {
  const input = lines(
    line(1),
    "",
    "not json",
    line(2, { job: "no-such-job" }),
    line(3, { payload: undefined, payloadBase64: "AP8H", headers: { tenant: "a" }, key: 7 }),
    line(1),
    line(5, { source: { system: "kafka" } }),
  );
  const { code, stdout, stderr } = await dlo(
    ["capture", "-", "--job", "book-order", "--by", "ann", "--queue", "orders"],
    {
      ...{ env, input },
    },
  );
  expect({ code, stdout }).toEqual({ code: 1, stdout: "2 captured, 1 here already, 3 refused." });
  expect(stderr.split("\n")).toEqual([
    expect.stringMatching(/^Target: /),
    expect.stringMatching(/^Line 3: INPUT_INVALID: it is not JSON: /),
    expect.stringMatching(/^Line 4: JOB_UNKNOWN: There is no job "no-such-job"/),
    expect.stringMatching(/^Line 7: INPUT_INVALID: source has no coordinate/),
  ]);
  const { letters } = await world.dlo.letters.list("kind:record");
  expect(letters).toHaveLength(2);
  for (const letter of letters) expect(letter).toMatchObject({ startedBy: "ann", queue: "orders", job: "book-order" });

  const shown = await dlo(["show", "kafka:offset=3,topic=orders"], { env });
  expect(shown.code).toBe(0);
  expect(shown.stdout).toMatch(/^book-order kafka:offset=3,topic=orders is parked/);
  expect(shown.stdout).toMatch(/Captured from +kafka offset=3 topic=orders/);
  expect(shown.stdout).toMatch(/Died because +it failed outside Temporal \(failed\)/);
  expect(shown.stdout).toMatch(/Captured by +ann/);
  expect(shown.stdout).toMatch(/captured by ann, from kafka offset=3 topic=orders/);
  expect(shown.stdout).toMatch(/"base64": "AP8H"/);
  // The run of its failure never was.
  expect(shown.stdout).not.toMatch(/^Run |^Job |in run/m);
  const listed = await dlo(["list", "kind:record"], { env });
  expect(listed.stdout).toMatch(/parked +book-order +7 /);
  expect(listed.stdout).toMatch(/parked +book-order +kafka:offset=1,topic=orders /);
  expect(await world.dlo.letters.retry("kafka:offset=3,topic=orders", { waitFor: "30 seconds" })).toMatchObject({
    status: "recovered",
  });
  expect(Buffer.from(given.at(-1) as Uint8Array)).toEqual(Buffer.from([0, 255, 7]));
});

test("a dry run checks what can be checked here, and writes nothing", async () => {
  const input = lines(line(20), line(21, { reason: "lost" }), line(22, { job: "no-such-job" }));
  const { code, stdout, stderr } = await dlo(["capture", "-", "--job", "book-order", "--dry-run"], { env, input });
  expect({ code, stdout }).toEqual({ code: 1, stdout: "2 to capture, 1 refused." });
  expect(stderr).toMatch(/^Line 2: INPUT_INVALID: reason must be one of/);
  const found = await world.sql`select from dlo.dead_letters where workflow_id ~ '^kafka:offset=2\\d,'`;
  expect(found).toHaveLength(0);
});

test("programs get each line's outcome", async () => {
  const input = lines(line(30), line(30), line(31, { error: null }));
  const each = await dlo(["capture", "-", "--job", "book-order", "-o", "jsonl"], { env, input });
  const id = expect.stringMatching(/^[0-9a-f-]{36}$/) as string;
  const outcomes = each.stdout.split("\n").map((text) => JSON.parse(text) as { outcome: string });
  expect(outcomes.map(({ outcome }) => outcome).toSorted()).toEqual(["captured", "here", "refused"]);
  expect(outcomes[0]).toMatchObject({
    line: 1,
    letterId: id,
    status: "parked",
    workflowId: "kafka:offset=30,topic=orders",
  });
  expect(outcomes[2]).toEqual({
    line: 3,
    outcome: "refused",
    code: "INPUT_INVALID",
    why: expect.any(String) as string,
  });
  const whole = await dlo(["capture", "-", "--job", "book-order", "-o", "json"], { env, input });
  expect(JSON.parse(whole.stdout)).toEqual({
    ...{ captured: 0, here: 2, waiting: 0, refused: 1, checked: 0 },
    missing: [expect.objectContaining({ line: 3, code: "INPUT_INVALID" })],
  });
});

test("without an office of that name the lines wait in Temporal, and it says so", async () => {
  const input = lines(line(40));
  const args = ["capture", "-", "--job", "book-order", "--office", "nobodys-office", "--wait-for", "500ms"];
  const { code, stdout, stderr } = await dlo(args, { env, input });
  expect({ code, stdout }).toEqual({ code: 1, stdout: "1 in Temporal, waiting for the office." });
  expect(stderr).toMatch(/Line 1: WAIT_TIMEOUT: Temporal has the record kafka:offset=40,topic=orders/);
});

test.each([
  [["capture"], "missing required argument"],
  [["capture", "-", "--wait-for", "soon"], "It takes a duration"],
])("%j is refused with 2", async (args, why) => {
  const { code, stderr } = await dlo(args, { env });
  expect(stderr.toLowerCase()).toContain(why.toLowerCase());
  expect(code).toBe(2);
});
