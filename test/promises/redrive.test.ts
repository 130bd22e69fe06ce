import { afterAll, beforeAll, expect, test } from "vitest";
import { openPostOffice, type PostOffice } from "../setup/post-office.ts";
import { until } from "../setup/world.ts";
import { deadOnes, ended, succeeds } from "../redrive/redriven.ts";

let office: PostOffice;
beforeAll(async () => void (office = await openPostOffice()));
afterAll(async () => await office?.close());

async function redrives(): Promise<number> {
  const [row] = await office.sql`select count(*)::int n from dlo.redrives`;
  return row!["n"] as number;
}

test("a filter that cannot be meant is refused before anything starts, and nothing is touched (promise 9)", async () => {
  const [id] = await deadOnes(office, "shut", 1);
  office.when(id!, succeeds);
  for (const filter of ["payload.to=shut stauts:parked", "payload.to=", "job:", "failed:<soon", "status:parkd", ""])
    await expect(office.dlo.redrives.start({ filter }, { force: true })).rejects.toMatchObject({
      code: expect.stringMatching(/^(FILTER_INVALID|USAGE)$/) as string,
    });
  await expect(office.dlo.redrives.start({}, { force: true })).rejects.toMatchObject({ code: "USAGE" });
  expect(await redrives()).toBe(0);
  expect(office.runs(id!)).toBe(1);
});

test("a dry run names the letters that the real run takes, in its order, and those that it leaves out (promise 9)", async () => {
  const ids = await deadOnes(office, "alike", 6);
  for (const id of ids) office.when(id, succeeds);
  await office.dlo.letters.discard((await office.dlo.letters.get(ids[2]!)).id, { by: "ann" });
  const which = { filter: "payload.to=alike" };
  const options = { force: true, order: "newest", rate: 100 } as const;
  const shown = await office.dlo.redrives.preview(which, options);
  expect(await redrives()).toBe(0);
  const started = await office.dlo.redrives.start(which, options);
  await ended(office, started.id);
  const items = await office.dlo.redrives.items(started.id);
  expect(items.filter(({ state }) => state !== "skipped").map(({ letterId }) => letterId)).toEqual(
    shown.samples.map(({ letterId }) => letterId),
  );
  expect(shown.takes).toBe(5);
  expect(items.filter(({ state }) => state === "skipped").map(({ letterId }) => letterId)).toEqual(
    shown.leavesOut.flatMap(({ samples }) => samples),
  );
  // What came of each stands under its letter's id, not under its place in some list.
  for (const { letterId, runId } of items.filter(({ state }) => state === "recovered")) {
    const { events } = await office.dlo.letters.story(letterId);
    expect(events.find(({ type }) => type === "recovered")).toMatchObject({ runId });
  }
});

test("letters go no faster than its rate, and what a cancelled one has left is redriven from it (promise 9)", async () => {
  // At this rate it would take twenty seconds: no machine is so slow that the pause comes too late.
  const ids = await deadOnes(office, "paced", 40);
  for (const id of ids) office.when(id, succeeds);
  const rate = 2;
  const started = await office.dlo.redrives.start({ filter: "payload.to=paced" }, { force: true, rate });
  await until(async () => (await office.dlo.redrives.get(started.id)).counts.recovered >= 3);
  await office.dlo.redrives.pause(started.id, { by: "ann" });
  await until(async () => (await office.dlo.redrives.get(started.id)).counts.running === 0);
  const begun = () => ids.filter((id) => office.runs(id) > 1).length;
  const paused = begun();
  expect(paused).toBeLessThan(ids.length);
  await office.dlo.redrives.resume(started.id, { by: "ann" });
  await until(() => begun() > paused);
  await office.dlo.redrives.cancel(started.id, { by: "ann" });
  await ended(office, started.id);
  // What ran when it was cancelled still gets its outcome.
  await until(async () => (await office.dlo.redrives.get(started.id)).counts.running === 0);
  const cancelled = await office.dlo.redrives.get(started.id);
  const starts = await office.sql`
    select n, extract(epoch from i.begun_at - r.asked_at) * 1000 as ms
    from dlo.redrive_items i join dlo.redrives r on r.id = i.redrive_id
    where r.id = ${started.id} and i.begun_at is not null order by n`;
  // The first may go at once, each further one half a second later at the soonest; the clocks may differ by a little.
  for (const { n, ms } of starts) expect(Number(ms)).toBeGreaterThanOrEqual((((n as number) - 1) / rate) * 1000 - 20);
  expect(starts.length).toBeGreaterThanOrEqual(paused);
  const rest = await office.dlo.redrives.start(
    { from: { redrive: started.id, states: ["skipped"] } },
    {
      force: true,
      rate: 100,
    },
  );
  const mended = await ended(office, rest.id);
  expect((cancelled.counts.recovered ?? 0) + (mended.counts.recovered ?? 0)).toBe(ids.length);
  for (const id of ids) expect(office.runs(id)).toBe(2);
});
