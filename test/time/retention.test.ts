import { expect, test, vi } from "vitest";
import { until } from "../setup/world.ts";
import { openSkippingWorld, type SkippingWorld } from "./skipping-world.ts";

// On Temporal's time-skipping server. A server a test, as its clock cannot be set back.

const dayMs = 86_400_000;
const minuteMs = 60_000;
const secondMs = 1000;

test("a letter of 30 days expires then, by the office, and not a moment before (promise 14)", async () => {
  await using world = await openSkippingWorld({ parcel: {} });
  const letter = await world.dead("parcel", "p-1");
  const expiresAtMs = letter.expiresAt!.getTime();
  expect(expiresAtMs - letter.failedAt.getTime()).toBeGreaterThanOrEqual(30 * dayMs);
  expect(expiresAtMs - letter.failedAt.getTime()).toBeLessThan(30 * dayMs + minuteMs);
  await world.passTo(expiresAtMs - minuteMs);
  expect(await world.settled("p-1")).toMatchObject({ status: "parked", expiresAtMs });
  await world.pass(minuteMs);
  await until(async () => (await world.dlo.letters.get(letter.id)).status !== "parked");
  const expired = await world.dlo.letters.get(letter.id);
  expect(expired).toMatchObject({ status: "expired", closeReason: "its retention ended", expiresAt: null, retries: 0 });
  expect(expired.closedAt!.getTime()).toBeGreaterThanOrEqual(expiresAtMs);
  expect(expired.closedAt!.getTime()).toBeLessThan(expiresAtMs + minuteMs);
  expect(expired.keepUntil!.getTime()).toBe(expired.closedAt!.getTime() + 90 * dayMs);
  const { events } = await world.dlo.letters.story(letter.id);
  expect(events.at(-1)).toMatchObject({ type: "expired", by: "office", reason: "its retention ended" });
});

test("a letter that is retried on expiry is so a bounded number of times over all its deaths, then it expires (promise 5)", async () => {
  await using world = await openSkippingWorld({
    parcel: { deadLetter: { retention: "10 days", onExpire: "retry", maximumRetries: 2 } },
  });
  const { id } = await world.dead("parcel", "p-1");
  for (const deaths of [2, 3]) {
    const { expiresAt } = await world.dlo.letters.get(id);
    await world.passTo(expiresAt!.getTime() + secondMs);
    await until(async () => (await world.dlo.letters.get(id)).deaths === deaths);
    await expectClockOf(world, id, 10 * dayMs);
  }
  // A retry that a person asks for is not one of them, and gives none back.
  await world.dlo.letters.retry(id, { by: "ann" });
  await until(async () => (await world.dlo.letters.get(id)).deaths === 4);
  await world.passTo((await world.dlo.letters.get(id)).expiresAt!.getTime() + minuteMs);
  await until(async () => (await world.dlo.letters.get(id)).closedAt !== null);
  expect(await world.dlo.letters.get(id)).toMatchObject({ status: "expired", deaths: 4, retries: 3, expiryRetries: 2 });
  const round = ["retry_asked", "retrying", "died_again"];
  expect(await world.events(id)).toEqual(["parked", ...round, ...round, ...round, "expired"]);
  const { events } = await world.dlo.letters.story(id);
  expect(events[1]).toMatchObject({ by: "office", reason: "its retention ended", data: { onExpiry: true } });
});

test("a retry on expiry that succeeds recovers the job", async () => {
  await using world = await openSkippingWorld({ parcel: { deadLetter: { retention: "10 days", onExpire: "retry" } } });
  const { id } = await world.dead("parcel", "p-1");
  world.when("p-1", () => "delivered");
  await world.pass(10 * dayMs + minuteMs);
  await until(async () => (await world.dlo.letters.get(id)).status === "recovered");
  expect(await world.events(id)).toEqual(["parked", "retry_asked", "retrying", "recovered"]);
});

test("an expire command follows the policy: a retry while there are some left, then the end", async () => {
  await using world = await openSkippingWorld({
    again: { deadLetter: { retention: "10 days", onExpire: "retry", maximumRetries: 1 } },
    once: { deadLetter: { retention: "10 days" } },
  });
  const again = await world.dead("again", "a-1");
  await world.dlo.letters.expire(again.id, { by: "ann", reason: "tidying" });
  await until(async () => (await world.dlo.letters.get(again.id)).deaths === 2);
  expect(await world.dlo.letters.expire(again.id, { by: "ann" })).toMatchObject({
    status: "expired",
    expiryRetries: 1,
  });
  const once = await world.dead("once", "o-1");
  expect(await world.dlo.letters.expire(once.id, { by: "ann", reason: "tidying" })).toMatchObject({
    status: "expired",
    closeReason: "tidying",
  });
});

test("an indefinite letter never expires, until it is given a retention", async () => {
  await using world = await openSkippingWorld({ parcel: { deadLetter: { retention: "indefinite" } } });
  const letter = await world.dead("parcel", "p-1");
  expect(letter.expiresAt).toBeNull();
  // The test server gives a workflow ten years at most.
  await world.pass(3000 * dayMs);
  expect(await world.settled("p-1")).toMatchObject({ status: "parked", expiresAtMs: null });
  await world.dlo.letters.extend(letter.id, { retention: "1 day", by: "ann" });
  await expectClockOf(world, letter.id, dayMs);
  await world.pass(dayMs + minuteMs);
  await until(async () => (await world.dlo.letters.get(letter.id)).status === "expired");
});

test("extend sets the clock anew, counted from now: longer, shorter, and not at all", async () => {
  await using world = await openSkippingWorld({ parcel: { deadLetter: { retention: "10 days" } } });
  const { id } = await world.dead("parcel", "p-1");
  await world.pass(9 * dayMs);
  await world.dlo.letters.extend(id, { retention: "20 days", by: "ann" });
  await expectClockOf(world, id, 20 * dayMs);
  await world.pass(19 * dayMs);
  expect(await world.settled("p-1")).toMatchObject({ status: "parked" });
  await world.dlo.letters.extend(id, { retention: "indefinite", by: "ann" });
  expect((await world.dlo.letters.get(id)).expiresAt).toBeNull();
  // The timer of the 20 days is still set, and rings for nobody.
  await world.pass(100 * dayMs);
  expect(await world.settled("p-1")).toMatchObject({ status: "parked", expiresAtMs: null });
  await world.dlo.letters.extend(id, { retention: "50 days", by: "ann" });
  await world.dlo.letters.extend(id, { retention: "2 days", by: "ann" });
  await expectClockOf(world, id, 2 * dayMs);
  await world.pass(2 * dayMs + minuteMs);
  await until(async () => (await world.dlo.letters.get(id)).status === "expired");
});

test("the clock stands still while a retry runs, and begins anew when that dies", async () => {
  await using world = await openSkippingWorld({
    parcel: {
      activity: { retry: { maximumAttempts: 2, initialInterval: "40 days", maximumInterval: "40 days" } },
      deadLetter: { retention: "30 days" },
    },
  });
  const { id } = await world.dead("parcel", "p-1");
  world.when("p-1", () => Promise.reject(new Error("the second attempt comes in 40 days")));
  await world.dlo.letters.retry(id, { by: "ann" });
  expect(await world.dlo.letters.get(id)).toMatchObject({ status: "retrying", expiresAt: null });
  await world.pass(39 * dayMs);
  expect(await world.dlo.letters.get(id)).toMatchObject({ status: "retrying", deaths: 1 });
  await world.pass(dayMs + secondMs);
  await until(async () => (await world.dlo.letters.get(id)).deaths === 2);
  await expectClockOf(world, id, 30 * dayMs);
  await world.pass(30 * dayMs - minuteMs);
  expect(await world.settled("p-1")).toMatchObject({ status: "parked" });
  await world.pass(2 * minuteMs);
  await until(async () => (await world.dlo.letters.get(id)).status === "expired");
});

test("a retry for later holds the clock, also over the end of the retention, and then runs", async () => {
  await using world = await openSkippingWorld({ parcel: { deadLetter: { retention: "10 days" } } });
  const { id } = await world.dead("parcel", "p-1");
  const waiting = await world.dlo.letters.retry(id, { after: "40 days", by: "ann", reason: "the bank is closed" });
  expect(waiting).toMatchObject({ status: "parked", expiresAt: null, retries: 0 });
  const left = waiting.retryAt!.getTime() - (await world.nowMs());
  expect(left).toBeGreaterThan(40 * dayMs - minuteMs);
  expect(left).toBeLessThanOrEqual(40 * dayMs);
  // An extension meanwhile is for the parking that comes after.
  await world.dlo.letters.extend(id, { retention: "5 days", by: "ann" });
  expect(await world.dlo.letters.get(id)).toMatchObject({ expiresAt: null, retryAt: waiting.retryAt });
  await world.pass(39 * dayMs);
  expect(await world.settled("p-1")).toMatchObject({ status: "parked", retries: 0 });
  await world.pass(dayMs + secondMs);
  await until(async () => (await world.dlo.letters.get(id)).deaths === 2);
  expect(await world.dlo.letters.get(id)).toMatchObject({ status: "parked", retryAt: null, retries: 1 });
  await expectClockOf(world, id, 5 * dayMs);
  const { events } = await world.dlo.letters.story(id);
  expect(events.find(({ type }) => type === "retrying")).toMatchObject({ by: "ann", reason: "the bank is closed" });
});

test("a plain retry overtakes one that waits", async () => {
  await using world = await openSkippingWorld({ parcel: {} });
  const { id } = await world.dead("parcel", "p-1");
  await world.dlo.letters.retry(id, { after: "40 days", by: "ann" });
  await world.dlo.letters.retry(id, { by: "bob" });
  await until(async () => (await world.dlo.letters.get(id)).deaths === 2);
  expect(await world.dlo.letters.get(id)).toMatchObject({ status: "parked", retryAt: null, retries: 1 });
  await expectClockOf(world, id, 30 * dayMs);
  // What waited is overtaken, not put off: nothing runs when its time comes.
  await world.dlo.letters.extend(id, { retention: "indefinite" });
  await world.pass(41 * dayMs);
  expect(await world.settled("p-1")).toMatchObject({ status: "parked", retries: 1 });
});

test("a later wait replaces an earlier one", async () => {
  await using world = await openSkippingWorld({ parcel: {} });
  const { id } = await world.dead("parcel", "p-1");
  await world.dlo.letters.retry(id, { after: "2 days" });
  await world.dlo.letters.retry(id, { after: "4 days" });
  await world.pass(3 * dayMs);
  expect(await world.settled("p-1")).toMatchObject({ status: "parked", retries: 0 });
  await world.pass(dayMs + minuteMs);
  await until(async () => (await world.dlo.letters.get(id)).retries === 1);
});

test("retention is the contract's, else the queue's, else DLO_RETENTION", async () => {
  vi.stubEnv("DLO_RETENTION", "7 days");
  vi.stubEnv("DLO_KEEP_FOR", "70 days");
  await using world = await openSkippingWorld(
    {
      byContract: { deadLetter: { queue: "payments", retention: "3 days", keepFor: "30 days" } },
      byQueue: { deadLetter: { queue: "payments" } },
      byDefault: { deadLetter: { queue: "other" } },
    },
    { queues: { payments: { retention: "5 days", keepFor: "50 days" } } },
  );
  vi.unstubAllEnvs();
  const days = { byContract: 3, byQueue: 5, byDefault: 7 };
  for (const job of Object.keys(days)) await world.dead(job, job);
  for (const [job, retentionDays] of Object.entries(days)) {
    await expectClockOf(world, job, retentionDays * dayMs - ((await world.nowMs()) - (await parkedAt(world, job))));
    await world.passTo((await world.dlo.letters.get(job)).expiresAt!.getTime() - minuteMs);
    expect(await world.settled(job)).toMatchObject({ status: "parked" });
    await world.pass(2 * minuteMs);
    await until(async () => (await world.dlo.letters.get(job)).status === "expired");
    const { closedAt, keepUntil } = await world.dlo.letters.get(job);
    expect(keepUntil!.getTime() - closedAt!.getTime()).toBe(retentionDays * 10 * dayMs);
  }
});

/** It expires this long from the server's now, give or take the minute that the test may have needed. */
async function expectClockOf(world: SkippingWorld, id: string, ms: number): Promise<void> {
  const { status, expiresAt } = await world.dlo.letters.get(id);
  expect(status).toBe("parked");
  const left = expiresAt!.getTime() - (await world.nowMs());
  expect(left).toBeGreaterThan(ms - minuteMs);
  expect(left).toBeLessThan(ms + minuteMs);
}

async function parkedAt(world: SkippingWorld, id: string): Promise<number> {
  return (await world.dlo.letters.get(id)).failedAt.getTime();
}
