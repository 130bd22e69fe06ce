import { expect, test } from "vitest";
import type { JobContext } from "../../model/index.ts";
import { until } from "../setup/world.ts";
import { openSkippingWorld, type SkippingWorld } from "./skipping-world.ts";

// What queues do with their letters by themselves, on Temporal's time-skipping server.

const [secondMs, minuteMs, hourMs, dayMs] = [1000, 60_000, 3_600_000, 86_400_000];

const networkDown = (ctx: JobContext) => ctx.deadLetter("the gateway is down", { category: "network" });

async function statusIs(world: SkippingWorld, id: string, status: string): Promise<void> {
  await until(async () => (await world.dlo.letters.get(id)).status === status);
}

test("a queue retries network deaths by itself, later each time, so often, and tells the run of the deaths before", async () => {
  const autoRetry = { categories: ["network"], after: "10 minutes", backoffCoefficient: 3, maximumRetries: 2 } as const;
  await using world = await openSkippingWorld({ parcel: {} }, { queues: { default: { autoRetry } } });
  const told: unknown[] = [];
  world.when("p-1", (ctx) => {
    told.push(ctx.headers["x-death"] === undefined ? undefined : JSON.parse(ctx.headers["x-death"]));
    return networkDown(ctx);
  });
  const { id, failedAt } = await world.dead("parcel", "p-1");
  await until(async () => (await world.dlo.letters.get(id)).retryAt !== null);
  const first = await world.dlo.letters.get(id);
  expect(first.retryAt!.getTime() - failedAt.getTime()).toBeGreaterThanOrEqual(10 * minuteMs);
  expect(first.retryAt!.getTime() - failedAt.getTime()).toBeLessThan(11 * minuteMs);
  await world.passTo(first.retryAt!.getTime() + secondMs);
  await until(
    async () => (await world.dlo.letters.get(id)).deaths === 2 && (await world.dlo.letters.get(id)).retryAt !== null,
  );
  const second = await world.dlo.letters.get(id);
  expect(second.retryAt!.getTime() - second.failedAt.getTime()).toBeGreaterThanOrEqual(30 * minuteMs - secondMs);
  await world.passTo(second.retryAt!.getTime() + secondMs);
  await until(async () => (await world.dlo.letters.get(id)).deaths === 3);
  // Twice, and no more: from here on its retention runs.
  await until(async () => (await world.dlo.letters.get(id)).expiresAt !== null);
  expect(await world.dlo.letters.get(id)).toMatchObject({
    status: "parked",
    retryAt: null,
    retries: 2,
    expiryRetries: 2,
  });
  expect(told).toMatchObject([
    undefined,
    [{ reason: "given_up", category: "network", count: 1 }],
    [{ reason: "given_up", category: "network", count: 2 }],
  ]);
  const { events } = await world.dlo.letters.story(id);
  expect(events[1]).toMatchObject({
    type: "retry_asked",
    by: "office",
    data: { automatic: true, after: "10 minutes" },
  });
});

test("what is of another category, or died too long ago, is left to people", async () => {
  const autoRetry = { categories: ["network"], after: "1 hour", within: "2 hours", maximumRetries: 9 } as const;
  await using world = await openSkippingWorld(
    { parcel: {} },
    { queues: { default: { autoRetry, maximumRetries: 9 } } },
  );
  const other = await world.dead("parcel", "p-other");
  expect(await world.settled("p-other")).toMatchObject({ status: "parked", retryAtMs: null });
  await world.dlo.letters.discard(other.id);
  world.when("p-1", networkDown);
  const { id } = await world.dead("parcel", "p-1");
  // An hour, then two more: the second would come when the first death is three hours ago, but is decided at one.
  await world.pass(hourMs + minuteMs);
  await until(async () => (await world.dlo.letters.get(id)).deaths === 2);
  await until(async () => (await world.dlo.letters.get(id)).retryAt !== null);
  await world.pass(2 * hourMs + minuteMs);
  await until(async () => (await world.dlo.letters.get(id)).deaths === 3);
  await until(async () => (await world.dlo.letters.get(id)).expiresAt !== null);
  expect(await world.settled("p-1")).toMatchObject({ status: "parked", retryAtMs: null, retries: 2 });
});

test("a retry that is set for later can be changed, and taken back", async () => {
  const autoRetry = { categories: ["network"], after: "1 hour" } as const;
  await using world = await openSkippingWorld({ parcel: {} }, { queues: { default: { autoRetry } } });
  world.when("p-1", networkDown);
  const { id } = await world.dead("parcel", "p-1");
  await until(async () => (await world.dlo.letters.get(id)).retryAt !== null);
  const sooner = await world.dlo.letters.retry(id, { after: "5 minutes", by: "ann" });
  expect(sooner.retryAt!.getTime()).toBeLessThan((await world.nowMs()) + 6 * minuteMs);
  const back = await world.dlo.letters.retry(id, { cancel: true, by: "ann" });
  expect(back).toMatchObject({ status: "parked", retryAt: null, retries: 0 });
  expect(back.expiresAt).not.toBeNull();
  await world.pass(2 * hourMs);
  expect(await world.settled("p-1")).toMatchObject({ status: "parked", retryAtMs: null, retries: 0 });
  await expect(world.dlo.letters.retry(id, { cancel: true })).rejects.toMatchObject({ code: "LETTER_BUSY" });
  expect(await world.events(id)).toEqual(["parked", "retry_asked", "retry_asked", "retry_cancelled", "noted"]);
});

test("a warning comes before the end, once for each clock", async () => {
  await using world = await openSkippingWorld(
    { parcel: {} },
    { queues: { default: { retention: "10 days", warnBefore: "2 days" } } },
  );
  const { id, expiresAt } = await world.dead("parcel", "p-1");
  await world.passTo(expiresAt!.getTime() - 2 * dayMs - minuteMs);
  expect(await world.events(id)).not.toContain("expiring");
  await world.pass(2 * minuteMs);
  await until(async () => (await world.events(id)).includes("expiring"));
  const { events } = await world.dlo.letters.story(id);
  expect(events.find(({ type }) => type === "expiring")).toMatchObject({
    by: "office",
    data: { expiresAt: expiresAt!.toISOString() },
  });
  await world.dlo.letters.extend(id, { retention: "5 days" });
  await world.pass(3 * dayMs + minuteMs);
  await until(async () => (await world.events(id)).filter((type) => type === "expiring").length === 2);
  await world.pass(2 * dayMs);
  await statusIs(world, id, "expired");
  expect(await world.events(id)).toEqual(["parked", "expiring", "extended", "expiring", "expired"]);
});

test("a waiting room sends its letters back by itself; a contract's own word goes before its queue's", async () => {
  await using world = await openSkippingWorld(
    {
      waits: { deadLetter: { queue: "room" } },
      own: { deadLetter: { queue: "room", retention: "5 days", onExpire: "expire" } },
    },
    { queues: { room: { retention: "1 hour", onExpire: "retry", maximumRetries: 1 } } },
  );
  const waits = await world.dead("waits", "w-1");
  const own = await world.dead("own", "o-1");
  expect(own.expiresAt!.getTime() - waits.expiresAt!.getTime()).toBeGreaterThan(4 * dayMs);
  world.when("w-1", () => "delivered");
  await world.pass(hourMs + minuteMs);
  await statusIs(world, waits.id, "recovered");
  await world.pass(5 * dayMs);
  await statusIs(world, own.id, "expired");
});

test("at the end of its time a letter is handed on, and has the next queue's rules from then on", async () => {
  await using world = await openSkippingWorld(
    { parcel: {} },
    {
      queues: {
        default: { retention: "1 day", onExpire: { handOn: "second" } },
        second: { retention: "10 days", keepFor: "7 days" },
      },
    },
  );
  const { id } = await world.dead("parcel", "p-1");
  await world.pass(dayMs + minuteMs);
  await until(async () => (await world.dlo.letters.get(id)).queue === "second");
  const second = await world.dlo.letters.get(id);
  expect(second).toMatchObject({ status: "parked", onExpire: "expire", handOnTo: null, retentionMs: 10 * dayMs });
  expect(second.expiresAt!.getTime() - (await world.nowMs())).toBeGreaterThan(9 * dayMs);
  await world.pass(10 * dayMs + minuteMs);
  await statusIs(world, id, "expired");
  const closed = await world.dlo.letters.get(id);
  expect(closed.keepUntil!.getTime() - closed.closedAt!.getTime()).toBe(7 * dayMs);
  const { events } = await world.dlo.letters.story(id);
  expect(events.map(({ type }) => type)).toEqual(["parked", "moved", "expired"]);
  expect(events[1]).toMatchObject({
    by: "office",
    reason: "its retention ended",
    data: { queue: "second", was: "default" },
  });
});
