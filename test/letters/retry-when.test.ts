import { afterAll, beforeAll, expect, test, vi } from "vitest";
import type { RetryCommand } from "../../model/command.ts";
import { letterWorkflowId } from "../../model/ids.ts";
import { openPostOffice, type PostOffice } from "../setup/post-office.ts";
import { until } from "../setup/world.ts";

// A retry that waits for a probe of the office's configuration.

vi.setConfig({ testTimeout: 60_000 });

let office: PostOffice;
let isWell = false;
let asked = 0;
beforeAll(async () => {
  office = await openPostOffice({
    probes: {
      gateway() {
        asked++;
        return isWell;
      },
      never: () => false,
    },
  });
});
afterAll(async () => await office?.close());

test("it waits while the probe says no, the clock stands still, and then it goes in the name of who asked", async () => {
  const { id } = await office.dead("when-1");
  office.when("when-1", () => "delivered");
  const waiting = await office.dlo.letters.retry(id, { when: "gateway", by: "ann", reason: "once it is back" });
  expect(waiting).toMatchObject({ status: "parked", retryWhen: "gateway", retryAt: null, expiresAt: null });
  await until(() => asked > 0);
  expect(office.runs("when-1")).toBe(1);
  // What is set anew meanwhile waits with it.
  expect(await office.dlo.letters.extend(id, { retention: "1 day" })).toMatchObject({
    expiresAt: null,
    retryWhen: "gateway",
  });
  isWell = true;
  await until(async () => (await office.dlo.letters.get(id)).status === "recovered");
  expect(office.runs("when-1")).toBe(2);
  const { events } = await office.dlo.letters.story(id);
  expect(events.map(({ type, by }) => [type, by])).toEqual([
    ["parked", null],
    ["retry_asked", "ann"],
    ["extended", "tester"],
    ["retry_asked", "ann"],
    ["retrying", "ann"],
    ["recovered", null],
  ]);
  expect(events[1]).toMatchObject({ data: { when: "gateway" }, reason: "once it is back" });
  expect(await office.dlo.letters.get(id)).toMatchObject({ retryWhen: null });
});

test("it is taken back, changed to a time, and overtaken", async () => {
  const { id } = await office.dead("when-2");
  await office.dlo.letters.retry(id, { when: "never" });
  const back = await office.dlo.letters.retry(id, { cancel: true });
  expect(back).toMatchObject({ status: "parked", retryWhen: null });
  expect(back.expiresAt).not.toBeNull();
  await office.dlo.letters.retry(id, { when: "never" });
  const later = await office.dlo.letters.retry(id, { after: "1 hour" });
  expect(later).toMatchObject({ retryWhen: null, status: "parked" });
  expect(later.retryAt).not.toBeNull();
  await office.dlo.letters.retry(id, { when: "never" });
  office.when("when-2", () => "delivered");
  expect(await office.dlo.letters.retry(id, { waitFor: "20 seconds" })).toMatchObject({ status: "recovered" });
});

test("a probe that the office does not know is refused at the door, and so is what has no meaning", async () => {
  const { id } = await office.dead("when-3");
  await expect(office.dlo.letters.retry(id, { when: "gatway" })).rejects.toMatchObject({
    code: "USAGE",
    message: expect.stringContaining("It knows: gateway, never"),
  });
  const meaningless: RetryCommand[] = [
    { when: "" },
    { when: "never", after: "1 hour" },
    { when: "never", run: { job: "deliver" } },
  ];
  for (const command of meaningless)
    await expect(office.dlo.letters.retry(id, command)).rejects.toMatchObject({ code: "USAGE" });
  const command = { name: "retry", when: "never" } as never;
  await expect(office.dlo.redrives.start({ ids: [id] }, { command })).rejects.toMatchObject({ code: "USAGE" });
  expect(await office.events(id)).toEqual(["parked"]);
});

test("a letter that is terminated and dies once more goes on waiting", async () => {
  const { id } = await office.dead("when-4");
  await office.dlo.letters.retry(id, { when: "never", by: "ann" });
  await office.dlo.temporal.workflow.getHandle(letterWorkflowId("when-4")).terminate();
  await office.dead("when-4");
  const state = await office.dlo.temporal.workflow
    .getHandle(letterWorkflowId("when-4"))
    .query<{ pendingRetry?: object }>("state");
  expect(state.pendingRetry).toEqual({ when: "never" });
  expect(await office.dlo.letters.get(id)).toMatchObject({ retryWhen: "never", expiresAt: null, deaths: 2 });
  await office.dlo.letters.discard(id);
  expect(await office.dlo.letters.get(id)).toMatchObject({ status: "discarded", retryWhen: null });
});
