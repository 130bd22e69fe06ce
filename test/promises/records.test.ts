import proto from "@temporalio/proto";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { defineJob, type JobContext } from "../../model/index.ts";
import { dieOf } from "../jobs/coroner.ts";
import { gate } from "../setup/post-office.ts";
import { openWorld, until, type World } from "../setup/world.ts";

class CardRefused extends Error {
  override name = "CardRefused";
}
class BankClosed extends Error {
  override name = "BankClosed";
}

/** What each attempt of a run throws, in order; each from a function of its own, so that the stacks tell them apart. */
const failures = [
  function first(): never {
    throw new CardRefused("the card of order 7 is refused", { cause: new TypeError("no number on it") });
  },
  function second(): never {
    throw new BankClosed("the bank is closed", {
      cause: new Error("no connection", { cause: new Error("connect ECONNREFUSED") }),
    });
  },
  function third(): never {
    throw new RangeError("no such account");
  },
] as const;

const input = z.object({ order: z.number(), lines: z.array(z.object({ sku: z.string(), at: z.string() })) });
const charge = defineJob({
  name: "charge",
  input,
  activity: { retry: { maximumAttempts: 3, initialInterval: "1 ms" } },
});
const said = defineJob({
  name: "said",
  input: z.object({ says: z.string() }),
  activity: { retry: { maximumAttempts: 1 } },
});

let world: World;
let behave: (given: unknown, ctx: JobContext) => unknown;
beforeAll(async () => {
  world = await openWorld();
  await world.office();
  await world.worker({
    jobs: [
      charge.handle((given, ctx) => behave(given, ctx)),
      said.handle(({ says }) => {
        throw new Error(says);
      }),
    ],
  });
});
afterAll(async () => await world?.close());

test("the record has every attempt's own class, message, stack and causes, and the input byte for byte (promise 3)", async () => {
  behave = (_, { attempt }) => failures[attempt - 1]!();
  const given = { order: 7, lines: [{ sku: "ä-1", at: "2026-11-24" }] };
  const { letter, death, attempts } = await dieOf(world, charge, given);
  expect(attempts.map(({ errorType, errorMessage }) => [errorType, errorMessage])).toEqual([
    ["CardRefused", "the card of order 7 is refused"],
    ["BankClosed", "the bank is closed"],
    ["RangeError", "no such account"],
  ]);
  expect(attempts.map(({ failure }) => failure!.causes.map(({ type, message }) => `${type}: ${message}`))).toEqual([
    ["TypeError: no number on it"],
    ["Error: no connection", "Error: connect ECONNREFUSED"],
    [],
  ]);
  for (const [i, { failure }] of attempts.entries()) {
    expect(failure!.stack).toContain(failures[i]!.name);
    expect(failure!.stack).toContain("records.test.ts");
    for (const other of failures) if (other !== failures[i]) expect(failure!.stack).not.toContain(`${other.name} `);
  }
  expect(letter).toMatchObject({ payload: given, errorType: "RangeError", attempts: 3 });
  expect(death).toMatchObject({ errorType: "RangeError", reason: "exhausted" });
  const { events } = await world.dlo.temporal.workflow.getHandle(letter.workflowId).fetchHistory();
  const started = events![0]!.workflowExecutionStartedEventAttributes!;
  const [row] = await world.sql`select payload_data from dlo.dead_letters where id = ${letter.id}`;
  const { Payloads } = proto.temporal.api.common.v1;
  expect(Buffer.from(row!["payload_data"] as Uint8Array)).toEqual(
    Buffer.from(Payloads.encode(started.input!).finish()),
  );
});

test("a second death is added to the first, and what the office puts into a run stands under names of its own (promise 18)", async () => {
  behave = () => failures[0]();
  const given = { order: 7, lines: [] };
  const headers = { tenant: "acme", "x-request": "r-1" };
  const { letter, death: first } = await dieOf(world, charge, given, { headers });
  const seen: unknown[] = [];
  const doorbell = gate<void>();
  behave = async (input, ctx) => {
    seen.push({ input, headers: ctx.headers });
    await doorbell.opened;
    return failures[2]();
  };
  await world.dlo.letters.retry(letter.id, { by: "ann" });
  await until(() => seen.length > 0);
  // The caller's headers and input as they were, with nothing of ours among them.
  expect(seen[0]).toEqual({ input: given, headers });
  const retried = await world.dlo.temporal.workflow.getHandle(letter.workflowId).describe();
  expect(Object.keys(retried.memo ?? {})).toEqual(["dlo"]);
  const attributes = Object.keys(retried.raw.workflowExecutionInfo?.searchAttributes?.indexedFields ?? {});
  expect(attributes.filter((name) => !/^(Dlo|Temporal|BuildIds)/.test(name))).toEqual([]);
  doorbell.open();
  await until(async () => (await world.dlo.letters.get(letter.id)).deaths === 2);
  const { deaths } = await world.dlo.letters.story(letter.id);
  expect(deaths.map(({ n, errorType, attempts }) => [n, errorType, attempts])).toEqual([
    [1, "CardRefused", 3],
    [2, "RangeError", 3],
  ]);
  expect(deaths[0]).toEqual(first);
  expect(deaths[0]!.attemptRows.map(({ errorType }) => errorType)).toEqual(Array(3).fill("CardRefused"));
});

test("messages that differ in ids, times, paths and numbers alone are one cause, and another message is another (promise 15)", async () => {
  const causeOf = async (says: string) => (await dieOf(world, said, { says })).letter.causeId;
  const one = await causeOf(
    "order 0197a3b2-1c4d-7000-8000-000000000001 not in /var/spool/a/17.json at 2026-11-24T03:12:00Z, 3 times",
  );
  const two = await causeOf(
    "order 0197a3b2-ffff-7000-8000-0000000000ff not in /mnt/b/c/9001.json at 2025-01-02T23:59:59.123Z, 41 times",
  );
  const other = await causeOf(
    "order 0197a3b2-1c4d-7000-8000-000000000001 not paid in /var/spool/a/17.json at 2026-11-24T03:12:00Z, 3 times",
  );
  expect(two).toBe(one);
  expect(other).not.toBe(one);
  const filed = await world.sql`select cause_id, count(*)::int n from dlo.dead_letters where job = 'said' group by 1`;
  expect(new Map(filed.map(({ cause_id, n }) => [cause_id as string, n as number]))).toEqual(
    new Map([
      [one, 2],
      [other, 1],
    ]),
  );
});
