import { randomUUID } from "node:crypto";
import { Connection } from "@temporalio/client";
import { afterEach, beforeEach, expect, test } from "vitest";
import { z } from "zod";
import { letterWorkflowId, officeWorkflowId } from "../../model/ids.ts";
import { defineJob } from "../../model/index.ts";
import { migrateDatabase } from "../../setup/migrate.ts";
import { runOffice } from "../../worker/index.ts";
import { emptyDatabase } from "../setup/postgres.ts";
import { gate } from "../setup/post-office.ts";
import { openWorld, until, type World } from "../setup/world.ts";
import { courier, handledCourier } from "./courier.ts";
import { type Part, startPart } from "./processes.ts";

// Offices, workers and apps as they are deployed: several of each, in processes of their own where that matters.

let world: World;
const parts: Part[] = [];
beforeEach(async () => void (world = await openWorld()));
afterEach(async () => {
  for (const part of parts.splice(0)) await part.stop();
  await world.close();
});

test(
  "two offices of one name share the work: a hundred deaths, each with one letter, also when one leaves midway",
  { timeout: 180_000 },
  async () => {
    const [first] = [await world.office(), await world.office()];
    await world.worker({ jobs: [handledCourier] });
    const ids = Array.from({ length: 100 }, (_, n) => `courier-${n}`);
    const runs = await Promise.all(ids.map((id) => world.dlo.start(courier, { to: "nobody" }, { id })));
    await until(async () => (await lettersOf()) >= 30);
    await first.stop();
    const ends = await Promise.all(runs.map(async (run) => await run.result().catch((error: unknown) => error)));
    expect(ends.filter((end) => (end as { code?: string }).code !== "JOB_DIED")).toEqual([]);
    const rows = await world.sql`select workflow_id, status, deaths from dlo.dead_letters`;
    expect(rows.map((row) => String(row["workflow_id"])).toSorted(inOrder)).toEqual(ids.toSorted(inOrder));
    expect(rows.filter((row) => row["deaths"] !== 1 || row["status"] !== "parked")).toEqual([]);
    const [counted] = await world.sql`
    select (select count(*)::int from dlo.deaths) as deaths,
      (select count(*)::int from dlo.events where type = 'parked') as events,
      (select count(distinct letter_id)::int from dlo.events) as told,
      (select count(*)::int from dlo.events where type = 'cause_new') as causes`;
    expect(counted).toEqual({ deaths: 100, events: 100, told: 100, causes: 1 });
    // Each letter has its workflow, and the office that stayed carries out what it is asked.
    for (const id of ["courier-0", "courier-50", "courier-99"])
      expect(await world.dlo.letters.discard(id, { by: "ann" })).toMatchObject({ status: "discarded" });
  },
);

test("an office with another database may not take the name, and leaves nothing running", async () => {
  await world.office();
  const other = await emptyDatabase();
  await migrateDatabase(other);
  const refused = world.office({ databaseUrl: other });
  await expect(refused).rejects.toMatchObject({
    code: "OFFICE_MISMATCH",
    message: expect.stringContaining("dead-letter-office"),
  });
  // Also while the rightful one is away.
  await world.close();
  const { address, namespace } = world;
  await expect(runOffice({ address, namespace, databaseUrl: other })).rejects.toMatchObject({
    code: "OFFICE_MISMATCH",
  });
  await (await runOffice({ address, namespace, databaseUrl: other, office: "another-name" })).stop();
});

test("two offices that start at once with different databases: one of them gets the name", async () => {
  const other = await emptyDatabase();
  await migrateDatabase(other);
  const started = await Promise.allSettled([world.office(), world.office({ databaseUrl: other })]);
  const refused = started.filter((start) => start.status === "rejected");
  expect(refused).toHaveLength(1);
  expect(refused[0]!.reason).toMatchObject({ code: "OFFICE_MISMATCH" });
});

test("offices of different names share a database, each with the deaths of its own jobs", async () => {
  const jobOf = (office: string) =>
    defineJob({
      name: `job-of-${office}`,
      input: z.object({}),
      activity: { retry: { maximumAttempts: 1 } },
      deadLetter: { office },
    });
  const [red, blue] = [jobOf("red"), jobOf("blue")];
  const redOffice = await world.office({ office: "red" });
  await world.worker({ jobs: [red, blue].map((job) => job.handle(() => Promise.reject(new Error("no")))) });
  const blueRun = await world.dlo.start(blue, {}, { id: "of-blue" });
  const redRun = await world.dlo.start(red, {}, { id: "of-red" });
  await expect(redRun.result()).rejects.toMatchObject({ code: "JOB_DIED" });
  // Nobody else's office takes it: it waits for its own.
  await until(async () => (await pendingOf("of-blue")).includes("parkDeadLetter"));
  expect(await lettersOf()).toBe(1);
  await world.office({ office: "blue" });
  await expect(blueRun.result()).rejects.toMatchObject({ code: "JOB_DIED" });
  await redOffice.stop();
  const letter = await world.dlo.temporal.workflow.getHandle(letterWorkflowId("of-blue")).describe();
  expect(letter.taskQueue).toBe("blue");
  expect(await world.dlo.letters.discard("of-blue", { by: "ann" })).toMatchObject({ status: "discarded" });
  expect((await world.dlo.letters.list()).letters).toHaveLength(2);
});

test("namespaces share a database: the same job id is another letter in each, and a command finds its own", async () => {
  await using other = await openWorld();
  await world.office();
  await world.worker({ jobs: [handledCourier] });
  await other.office({ databaseUrl: world.databaseUrl });
  await other.worker({ jobs: [handledCourier] });
  const there = await other.connect({ databaseUrl: world.databaseUrl });
  for (const dlo of [world.dlo, there]) {
    const run = await dlo.start(courier, { to: "nobody" }, { id: "same-id" });
    await expect(run.result()).rejects.toMatchObject({ code: "JOB_DIED" });
  }
  const [mine, theirs] = [await world.dlo.letters.get("same-id"), await there.letters.get("same-id")];
  expect(mine).toMatchObject({ namespace: world.namespace, deaths: 1 });
  expect(theirs).toMatchObject({ namespace: other.namespace, deaths: 1 });
  expect(mine.id).not.toBe(theirs.id);
  await there.letters.discard("same-id", { by: "ann" });
  expect(await there.letters.get(theirs.id)).toMatchObject({ status: "discarded" });
  expect(await world.dlo.letters.get(mine.id)).toMatchObject({ status: "parked" });
});

test("a letter of another namespace takes no command from here, not even where a job of the same id died", async () => {
  await using other = await openWorld();
  await world.office();
  await world.worker({ jobs: [handledCourier] });
  await other.office({ databaseUrl: world.databaseUrl });
  await other.worker({ jobs: [handledCourier] });
  const there = await other.connect({ databaseUrl: world.databaseUrl });
  for (const dlo of [world.dlo, there])
    await (await dlo.start(courier, { to: "nobody" }, { id: "same-id" })).result().catch(() => undefined);
  const theirs = await there.letters.get("same-id");
  const end = await world.dlo.letters.discard(theirs.id, { by: "ann" }).catch((error: unknown) => error);
  expect(await world.dlo.letters.get("same-id")).toMatchObject({ status: "parked" });
  expect(end).toMatchObject({ code: "USAGE", message: expect.stringContaining(other.namespace) });
});

test(
  "a job worker and an app that starts jobs need no database, nor any word of one",
  { timeout: 120_000 },
  async () => {
    const { address, namespace, databaseUrl } = world;
    const options = JSON.stringify({ address, namespace });
    parts.push(await startPart("part.mts", ["office", options], { DLO_DATABASE_URL: databaseUrl }));
    parts.push(await startPart("part.mts", ["worker", options]));
    const [well, ill] = [
      await startPart("starter.mts", [options, "ann", "from-app-1"]),
      await startPart("starter.mts", [options, "nobody", "from-app-2"]),
    ];
    parts.push(well, ill);
    await until(() => well.output().includes("}") && ill.output().includes("}"));
    const said = (part: Part) => JSON.parse(part.output().split("\n").at(-2)!) as unknown;
    expect(said(well)).toMatchObject({ result: "delivered to ann", read: "DATABASE_UNSET" });
    expect(said(ill)).toMatchObject({ result: "JOB_DIED", read: "DATABASE_UNSET" });
    // Nothing of Temporal's native worker, which an app would have to install and start.
    expect(JSON.stringify(said(well))).not.toContain("core-bridge");
    const recovered = await world.dlo.letters.retry("from-app-2", {
      input: { to: "ann" },
      by: "ann",
      waitFor: "30 seconds",
    });
    expect(recovered).toMatchObject({ status: "recovered", retries: 1 });
    for (const part of parts) expect(await part.stop()).toBe(0);
  },
);

test("an office without a database says what it needs", async () => {
  const { address, namespace } = world;
  await expect(startPart("part.mts", ["office", JSON.stringify({ address, namespace })])).rejects.toThrow(
    "DLO_DATABASE_URL",
  );
});

test("without search attributes all works but the search", async () => {
  const namespace = `bare_${randomUUID().slice(0, 8)}`;
  await registerNamespace(world.address, namespace);
  const dlo = await world.connect({ namespace });
  await world.office({ namespace });
  const keyed = defineJob({
    name: "keyed",
    input: z.object({ order: z.string(), good: z.boolean() }),
    activity: { retry: { maximumAttempts: 1 } },
    key: ({ order }) => order,
  });
  await world.worker({
    namespace,
    jobs: [
      keyed.handle(({ good }) => {
        if (!good) throw new Error("no");
        return "done";
      }),
    ],
  });
  const dead = async (id: string) => {
    const run = await dlo.start(keyed, { order: "o-1", good: false }, { id });
    await expect(run.result()).rejects.toMatchObject({ code: "JOB_DIED" });
    return await dlo.letters.get(id);
  };
  const { id } = await dead("keyed-1");
  expect(await dlo.letters.retry(id, { by: "ann" })).toMatchObject({ status: "retrying" });
  await until(async () => (await dlo.letters.get(id)).deaths === 2);
  await dlo.letters.amend(id, { input: { order: "o-1", good: true } });
  await dlo.letters.extend(id, { retention: "3 days" });
  await dlo.letters.note(id, { text: "mended" });
  expect(await dlo.letters.retry(id, { waitFor: "30 seconds" })).toMatchObject({
    status: "recovered",
    deaths: 2,
    retries: 2,
    key: "o-1",
  });
  expect(await dlo.letters.discard((await dead("keyed-2")).id)).toMatchObject({ status: "discarded" });
  expect(await dlo.letters.expire((await dead("keyed-3")).id)).toMatchObject({ status: "expired" });
});

test(
  "an office stops in order: what it has begun is finished, and stopping again is harmless",
  { timeout: 120_000 },
  async () => {
    const office = await world.office();
    await world.worker({ jobs: [handledCourier] });
    const runs = await Promise.all(
      Array.from({ length: 20 }, (_, n) => world.dlo.start(courier, { to: "nobody" }, { id: `stop-${n}` })),
    );
    await until(async () => (await lettersOf()) > 0);
    await Promise.all([office.stop(), office.stop()]);
    await office.done;
    await office.stop();
    // It holds no connection any more.
    const [left] = await world.sql`
    select count(*)::int as n from pg_stat_activity
    where datname = current_database() and application_name like 'dead-letter-office%' and pid <> pg_backend_pid()`;
    expect(left!["n"]).toBeLessThanOrEqual(1);
    await world.office();
    for (const run of runs) await expect(run.result()).rejects.toMatchObject({ code: "JOB_DIED" });
    const rows = await world.sql`select workflow_id from dlo.dead_letters where status = 'parked' and deaths = 1`;
    expect(rows).toHaveLength(20);
  },
);

test(
  "an office that listens to the app's run hands that on when it stops, and its process ends",
  { timeout: 120_000 },
  async () => {
    const doorbell = gate<string>();
    let begun = 0;
    await world.worker({
      jobs: [
        courier.handle(async ({ to }) =>
          ++begun === 1 ? Promise.reject(new Error(`no ${to}`)) : await doorbell.opened,
        ),
      ],
    });
    const { address, namespace, databaseUrl } = world;
    const office = await startPart("part.mts", ["office", JSON.stringify({ address, namespace })], {
      DLO_DATABASE_URL: databaseUrl,
    });
    parts.push(office);
    const first = await world.dlo.start(courier, { to: "ann" }, { id: "listened-to" });
    await expect(first.result()).rejects.toMatchObject({ code: "JOB_DIED" });
    await world.dlo.start(courier, { to: "ann" }, { id: "listened-to" });
    await until(() => begun === 2);
    await world.dlo.letters.retry("listened-to", { by: "ann" });
    await until(async () => (await pendingOf(letterWorkflowId("listened-to"))).includes("followRun"));
    expect(await office.stop()).toBe(0);
    await world.office();
    doorbell.open("delivered");
    await until(async () => (await world.dlo.letters.get("listened-to")).status === "superseded");
  },
);

test("the office's workflow rests, names its database, and does not stop a namespace from being tidied", async () => {
  await world.office();
  const handle = world.dlo.temporal.workflow.getHandle(officeWorkflowId("dead-letter-office"));
  const [row] = await world.sql`select database_id from dlo.office`;
  expect(await handle.describe()).toMatchObject({
    status: { name: "RUNNING" },
    memo: { databaseId: row!["database_id"] },
  });
  await until(async () => (await handle.fetchHistory()).events!.length === 4);
  await handle.terminate("moved away");
  // Another start claims the name again.
  await world.office();
  expect(await handle.describe()).toMatchObject({ status: { name: "RUNNING" } });
});

function inOrder(one: string, other: string): number {
  return one.localeCompare(other);
}

async function lettersOf(): Promise<number> {
  const [row] = await world.sql`select count(*)::int as n from dlo.dead_letters`;
  return row!["n"] as number;
}

async function pendingOf(workflowId: string): Promise<string[]> {
  const { raw } = await world.dlo.temporal.workflow.getHandle(workflowId).describe();
  return (raw.pendingActivities ?? []).map(({ activityType }) => activityType!.name!);
}

async function registerNamespace(address: string, namespace: string): Promise<void> {
  const connection = await Connection.connect({ address });
  await connection.workflowService.registerNamespace({
    namespace,
    workflowExecutionRetentionPeriod: { seconds: 86_400 as never },
  });
  // A frontend hears of a new namespace after a moment.
  await until(async () => Boolean(await connection.workflowService.listOpenWorkflowExecutions({ namespace })));
  await connection.close();
}
