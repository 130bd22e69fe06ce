import { dirname } from "node:path";
import { ServiceError } from "@temporalio/client";
import { execa } from "execa";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { openDatabase } from "../../schema/database.ts";
import { makeSchedules } from "../../setup/schedules.ts";
import { resolveTemporal } from "../../stack/temporal-binary.ts";
import { dlo, environmentOf } from "../cli/dlo.ts";
import { openWorld, until, type World } from "../setup/world.ts";
import { closedLetters } from "./closed-letters.ts";

// The schedules of an office, which prune each night and reconcile each hour: made once, left alone afterwards.

vi.setConfig({ testTimeout: 90_000, hookTimeout: 60_000 });

const scheduleId = "dead-letter-office/prune";
const reconcileId = "dead-letter-office/reconcile";
let world: World;

beforeAll(async () => void (world = await openWorld()));
afterAll(async () => await world?.close());

test("set-up makes it once, and never undoes what an operator did to it", async () => {
  const env = environmentOf(world);
  const without = await dlo(["setup", "--no-schedules"], { env });
  expect(without).toMatchObject({ code: 0 });
  expect(without.stdout).not.toContain("schedule");
  const handle = world.dlo.temporal.schedule.getHandle(scheduleId);
  await expect(handle.describe()).rejects.toMatchObject({ name: "ScheduleNotFoundError" });

  const made = await dlo(["setup"], { env });
  expect(made.stdout).toContain(
    `Made the schedule ${scheduleId}: closed letters past their keep time are deleted daily at 02:00 UTC.`,
  );
  expect(await handle.describe()).toMatchObject({
    action: { workflowType: "prune", taskQueue: "dead-letter-office", args: [{ by: "office" }] },
    policies: { overlap: "SKIP", catchupWindow: 86_400_000 },
    spec: { calendars: [{ hour: [{ start: 2, end: 2 }], minute: [{ start: 0, end: 0 }] }] },
  });
  const [next] = (await handle.describe()).info.nextActionTimes;
  expect(next?.toISOString()).toMatch(/T02:00:00/);
  expect(made.stdout).toContain(
    `Made the schedule ${reconcileId}: what differs between Temporal and Postgres is mended hourly, at 17 past.`,
  );
  const hourly = await world.dlo.temporal.schedule.getHandle(reconcileId).describe();
  expect(hourly).toMatchObject({
    action: { workflowType: "reconcile", taskQueue: "dead-letter-office", args: [{ by: "office" }] },
    policies: { overlap: "SKIP", catchupWindow: 3_600_000 },
  });
  expect(hourly.info.nextActionTimes[1]!.getTime() - hourly.info.nextActionTimes[0]!.getTime()).toBe(3_600_000);

  await handle.update((before) => ({ ...before, spec: { calendars: [{ hour: 5 }] } }));
  await handle.pause("not this week");
  const again = await dlo(["setup", "-o", "json"], { env });
  expect(JSON.parse(again.stdout)).toMatchObject({
    schedules: { made: [], there: [scheduleId, reconcileId], missing: [] },
  });
  expect((await dlo(["setup"], { env })).stdout).toContain(`The schedule ${scheduleId} is there, and stays as it is.`);
  expect(await handle.describe()).toMatchObject({
    state: { paused: true, note: "not this week" },
    spec: { calendars: [{ hour: [{ start: 5, end: 5 }] }] },
  });
});

test("when its time comes the office prunes, and signs as the office", async () => {
  await using database = openDatabase(world.databaseUrl, { connections: 2 });
  const ids = await closedLetters({ db: database.db, sql: world.sql }, world.namespace, 20, 41);
  await makeSchedules(world.dlo.temporal, "dead-letter-office");
  await world.office();
  await world.dlo.temporal.schedule.getHandle(scheduleId).trigger();
  await until(
    async () =>
      (await world.sql`select from dlo.prunes where letters = 20 and by = 'office' and ended_at is not null`).length ===
      1,
  );
  expect(await world.sql`select from dlo.dead_letters where id = any(${ids})`).toHaveLength(0);
});

test("an office of another name has its own", async () => {
  const office = "refunds-office";
  expect((await dlo(["setup", "--office", office], { env: environmentOf(world) })).stdout).toContain(
    `Made the schedule ${office}/prune`,
  );
  // Due at the same moment as the other office's, so its runs must not have the same id.
  expect(await world.dlo.temporal.schedule.getHandle(`${office}/prune`).describe()).toMatchObject({
    action: { taskQueue: office, workflowId: `prune/${office}` },
  });
});

test("where it may not be made, or there are none, a command is told that makes it", async () => {
  for (const [code, why] of [
    [7, "permission denied"],
    [12, "this server has no schedules"],
    [16, "not authenticated"],
  ] as const) {
    const outcome = await makeSchedules(refusing(code), "shifts");
    expect(outcome).toMatchObject({ made: [], there: [], missing: ["shifts/prune", "shifts/reconcile"], why });
    expect(outcome.command).toContain("temporal schedule create");
  }
  // Anything else is no refusal.
  await expect(makeSchedules(refusing(14), "shifts")).rejects.toThrow("Failed to create schedule");
});

test("that command makes the very schedules", async () => {
  const { command } = await makeSchedules(refusing(7), "shifts");
  const { path } = await resolveTemporal({ progress: () => undefined });
  for (const line of command!.split("\n"))
    await execa("sh", ["-c", `${line} --address ${world.address}`], {
      env: { PATH: `${dirname(path)}:${process.env["PATH"]}` },
    });
  expect(await makeSchedules(world.dlo.temporal, "shifts")).toMatchObject({
    there: ["shifts/prune", "shifts/reconcile"],
  });
  expect(await world.dlo.temporal.schedule.getHandle("shifts/prune").describe()).toMatchObject({
    action: { workflowType: "prune", taskQueue: "shifts", args: [{ by: "office" }] },
    policies: { overlap: "SKIP" },
  });
  const [next] = (await world.dlo.temporal.schedule.getHandle("shifts/prune").describe()).info.nextActionTimes;
  expect(next?.toISOString()).toMatch(/T02:00:00/);
});

test("when its time comes the office reconciles, and signs as the office", async () => {
  await world.dlo.temporal.schedule.getHandle(reconcileId).trigger();
  await until(async () => {
    const rows = await world.sql`select by, ended_at from dlo.reconciles`;
    return rows.length === 1 && rows[0]!["by"] === "office" && rows[0]!["ended_at"] !== null;
  });
});

/** A client whose server answers with a gRPC code. */
function refusing(code: number): Parameters<typeof makeSchedules>[0] {
  const cause = Object.assign(new Error("no"), { code, details: "no", metadata: {} });
  const create = () => Promise.reject(new ServiceError("Failed to create schedule", { cause }));
  return { schedule: { create }, options: { namespace: world.namespace } } as never;
}
