import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { letterWorkflowId } from "../../model/ids.ts";
import { type Duration, defineJob } from "../../model/index.ts";
import { dlo, environmentOf } from "../cli/dlo.ts";
import { gate, openPostOffice, type PostOffice } from "../setup/post-office.ts";
import { openWorld, until } from "../setup/world.ts";

const nonsense = [0, -1, Number.NaN, Number.POSITIVE_INFINITY, "0 s", "-1 day", "30", ""] as Duration[];
const anything = z.object({});

let office: PostOffice;
beforeAll(async () => void (office = await openPostOffice()));
afterAll(async () => await office?.close());

test("a retention of nothing, of less, or of no number is refused at every door, and the letter keeps its own (promise 10)", async () => {
  const letter = await office.dead("held-1");
  const handle = office.dlo.temporal.workflow.getHandle(letterWorkflowId("held-1"));
  for (const retention of nonsense) {
    await expect(office.dlo.letters.extend(letter.id, { retention })).rejects.toMatchObject({ code: "USAGE" });
    expect(() => defineJob({ name: "held", input: anything, deadLetter: { retention } })).toThrow(/retention/);
    await expect(office.office({ queues: { default: { retention } } })).rejects.toMatchObject({
      code: "CONFIG_INVALID",
    });
    // By a plain signal, which has no client of ours before it. JSON knows no such numbers: they arrive as null.
    await handle.signal("extend", { retention });
  }
  for (const retention of ["0", "-1 day", "NaN"])
    expect((await dlo(["extend", letter.id, "--", retention], { env: environmentOf(office) })).code).toBe(2);
  const env = { ...environmentOf(office), DLO_RETENTION: "-1 day" };
  expect(await dlo(["office"], { env })).toMatchObject({
    code: 2,
    stderr: expect.stringContaining("DLO_RETENTION") as string,
  });
  await until(async () => (await office.events(letter.id)).length === 1 + nonsense.length);
  expect(await office.events(letter.id)).toEqual(["parked", ...nonsense.map(() => "refused")]);
  const { expiresAt, retentionMs, status } = await office.dlo.letters.get(letter.id);
  expect({ expiresAt, retentionMs, status }).toEqual({
    expiresAt: letter.expiresAt,
    retentionMs: letter.retentionMs,
    status: "parked",
  });
});

test("a prune spares the letter whose retry runs and the one that is held, and leaves a row of what it did (promise 10)", async () => {
  const [running, held, gone] = [
    await office.dead("spared-1"),
    await office.dead("spared-2"),
    await office.dead("gone-1"),
  ];
  const doorbell = gate<string>();
  office.when("spared-1", () => doorbell.opened);
  await office.dlo.letters.retry(running.id, { by: "ann" });
  await office.dlo.letters.extend(held.id, { retention: "indefinite", by: "ann" });
  await office.dlo.letters.discard(gone.id, { by: "ann" });
  // As if all of it were two years old.
  await office.sql`
    update dlo.dead_letters set first_failed_at = first_failed_at - interval '2 years',
      failed_at = failed_at - interval '2 years', retried_at = retried_at - interval '2 years',
      closed_at = closed_at - interval '2 years', keep_until = keep_until - interval '2 years'`;
  await until(async () => (await office.sql`select from dlo.events where position is null`).length === 0);
  const pruned = await office.dlo.prune({ by: "ann", reason: "space", batch: 1 });
  expect(pruned).toMatchObject({ letters: 1, left: 0 });
  await expect(office.dlo.letters.get(gone.id)).rejects.toMatchObject({ code: "LETTER_NOT_FOUND" });
  expect(await office.dlo.letters.get(running.id)).toMatchObject({ status: "retrying" });
  expect(await office.dlo.letters.get(held.id)).toMatchObject({ status: "parked", expiresAt: null });
  expect(await office.sql`select id, by, reason, letters from dlo.prunes`).toEqual([
    { id: pruned.id, by: "ann", reason: "space", letters: 1 },
  ]);
  doorbell.open("delivered");
  await until(async () => (await office.dlo.letters.get(running.id)).status === "recovered");
});

test("a retention ends though no process remembers the letter: no office ran, and the next one has an empty cache (promise 14)", async () => {
  await using world = await openWorld();
  const parcel = defineJob({ name: "parcel", input: anything, activity: { retry: { maximumAttempts: 1 } } });
  const first = await world.office();
  const worker = await world.worker({
    jobs: [
      parcel.handle(() => {
        throw new Error("nobody at home");
      }),
    ],
  });
  await (await world.dlo.start(parcel, {}, { id: "forgotten" })).result().catch(() => undefined);
  const { id } = await world.dlo.letters.get("forgotten");
  const { expiresAt } = await world.dlo.letters.extend(id, { retention: "1 second" });
  await first.stop();
  await worker.stop();
  const handle = world.dlo.temporal.workflow.getHandle(letterWorkflowId("forgotten"));
  await until(async () => {
    const { events } = await handle.fetchHistory();
    return events?.some(({ timerFiredEventAttributes: fired }) => fired) === true;
  });
  expect(await world.dlo.letters.get(id)).toMatchObject({ status: "parked", expiresAt });
  await world.office({ worker: { maxCachedWorkflows: 0 } });
  await until(async () => (await world.dlo.letters.get(id)).closedAt !== null);
  expect(await world.dlo.letters.get(id)).toMatchObject({ status: "expired" });
});
