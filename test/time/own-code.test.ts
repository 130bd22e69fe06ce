import { ApplicationFailure } from "@temporalio/common";
import { expect, test } from "vitest";
import { until } from "../setup/world.ts";
import { openSkippingWorld } from "./skipping-world.ts";

// A job's own code at the end of the retention, on Temporal's time-skipping server.

const [minuteMs, dayMs] = [60_000, 86_400_000];

test("the clock runs onExpire before the letter expires, once, and not before its time", async () => {
  const told: number[] = [];
  await using world = await openSkippingWorld(
    { parcel: { deadLetter: { retention: "10 days" } } },
    {},
    { onExpire: (_, { deaths }) => void told.push(deaths) },
  );
  const { id, expiresAt } = await world.dead("parcel", "p-1");
  await world.passTo(expiresAt!.getTime() - minuteMs);
  expect(told).toEqual([]);
  await world.pass(2 * minuteMs);
  await until(async () => (await world.dlo.letters.get(id)).status === "expired");
  expect(told).toEqual([1]);
  const { events } = await world.dlo.letters.story(id);
  expect(events.map(({ type, by, reason }) => [type, by, reason])).toEqual([
    ["parked", null, null],
    ["code_asked", "office", "its retention ended"],
    ["code_ran", null, null],
    ["expired", "office", "its retention ended"],
  ]);
});

test("with retries on expiry it runs after the last of them; with a queue to hand on to, at that queue's end", async () => {
  const told: string[] = [];
  await using world = await openSkippingWorld(
    { parcel: { deadLetter: { queue: "first" } } },
    {
      queues: {
        first: { retention: "1 day", onExpire: { handOn: "second" } },
        second: { retention: "2 days", onExpire: "retry", maximumRetries: 1 },
      },
    },
    { onExpire: (_, { queue, deaths }) => void told.push(`${queue} ${deaths}`) },
  );
  const { id } = await world.dead("parcel", "p-1");
  await world.pass(dayMs + minuteMs);
  await until(async () => (await world.dlo.letters.get(id)).queue === "second");
  await world.pass(2 * dayMs + minuteMs);
  await until(async () => (await world.dlo.letters.get(id)).deaths === 2);
  expect(told).toEqual([]);
  await world.pass(2 * dayMs + minuteMs);
  await until(async () => (await world.dlo.letters.get(id)).status === "expired");
  expect(told).toEqual(["second 2"]);
});

test("where it fails for good the letter stays parked, however long; nothing vanishes", async () => {
  await using world = await openSkippingWorld(
    { parcel: { deadLetter: { retention: "1 day" } } },
    {},
    {
      onExpire() {
        throw ApplicationFailure.nonRetryable("no address", "NoAddress");
      },
    },
  );
  const { id } = await world.dead("parcel", "p-1");
  await world.pass(dayMs + minuteMs);
  await until(async () => (await world.dlo.letters.get(id)).failedCode === "onExpire");
  await world.pass(100 * dayMs);
  expect(await world.settled("p-1")).toMatchObject({
    ...{ status: "parked", expiresAtMs: null },
    code: { name: "onExpire", failed: "NoAddress: no address" },
  });
});

test("a transient failure of onDead is tried again ten times, over a quarter of an hour", async () => {
  let tries = 0;
  await using world = await openSkippingWorld(
    { parcel: {} },
    {},
    {
      onDead() {
        tries++;
        throw new Error("the bank is closed");
      },
    },
  );
  const { id } = await world.dead("parcel", "p-1");
  for (const before = await world.nowMs(); tries < 10 && (await world.nowMs()) < before + dayMs;)
    await world.pass(5 * minuteMs);
  await until(async () => (await world.dlo.letters.get(id)).failedCode === "onDead");
  expect(tries).toBe(10);
});
