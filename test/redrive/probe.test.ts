import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { openPostOffice, type PostOffice } from "../setup/post-office.ts";
import { until } from "../setup/world.ts";
import { deadOnes, ended, succeeds } from "./redriven.ts";

// A redrive that waits until what its jobs depend on is well again.

vi.setConfig({ testTimeout: 60_000 });

let office: PostOffice;
let answer: () => boolean = () => false;
beforeAll(async () => (office = await openPostOffice({ probes: { gateway: () => answer() } })));
afterAll(async () => await office?.close());

test("while its probe says no, or fails, nothing is asked; then it goes", async () => {
  const ids = await deadOnes(office, "probed", 3);
  for (const id of ids) office.when(id, succeeds);
  const options = { force: true, rate: 100, when: "gateway" };
  const started = await office.dlo.redrives.start({ filter: "payload.to=probed" }, options);
  const heldBy = async () => (await office.dlo.redrives.get(started.id)).heldBy;
  await until(async () => (await heldBy()) === 'the probe "gateway" says no');
  answer = () => {
    throw new Error("no route");
  };
  await until(async () => (await heldBy()) === 'the probe "gateway" failed: no route');
  expect(ids.map((id) => office.runs(id))).toEqual([1, 1, 1]);
  answer = () => true;
  expect(await ended(office, started.id)).toMatchObject({
    status: "completed",
    heldBy: null,
    counts: { recovered: 3 },
  });
});

test("a probe that the office does not know holds it, and says which there are", async () => {
  await deadOnes(office, "unknown", 1);
  const started = await office.dlo.redrives.start({ filter: "payload.to=unknown" }, { force: true, when: "gatway" });
  await until(async () => (await office.dlo.redrives.get(started.id)).heldBy !== null);
  expect((await office.dlo.redrives.get(started.id)).heldBy).toContain("It knows: gateway");
  await office.dlo.redrives.cancel(started.id);
  expect(await ended(office, started.id)).toMatchObject({ status: "cancelled", counts: { skipped: 1 } });
});
