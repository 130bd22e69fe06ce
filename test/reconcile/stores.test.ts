import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { letterWorkflowId } from "../../model/ids.ts";
import type { LetterRow } from "../../schema/rows.ts";
import { openPostOffice, type PostOffice } from "../setup/post-office.ts";
import { until, type World } from "../setup/world.ts";
import { disagreements } from "./equal-stores.ts";

// One of the two stores is lost, and healed as far as the other side knows.

vi.setConfig({ testTimeout: 180_000, hookTimeout: 180_000 });

let office: PostOffice;
beforeAll(async () => void (office = await openPostOffice()));
afterAll(async () => await office?.close());

const lettersOf = async (world: World, prefix: string): Promise<Map<string, LetterRow>> => {
  const { letters } = await world.dlo.letters.list({}, { limit: 500 });
  return new Map(letters.filter(({ workflowId }) => workflowId.startsWith(prefix)).map((row) => [row.workflowId, row]));
};

/** What is still found after some reconciles: what a letter does by itself takes a moment. */
async function foundInTheEnd() {
  let items = (await office.dlo.reconcile({ thorough: true })).items;
  for (let look = 0; look < 4 && items.length > 0; look++)
    items = (await office.dlo.reconcile({ thorough: true })).items;
  return items;
}

/** Tables as they are now, put aside; and put back, as a restore does, past all triggers and keys. */
async function backup({ sql }: World): Promise<() => Promise<void>> {
  const tables = (
    await sql`
      select relname from pg_class
      where relnamespace = 'dlo'::regnamespace and relkind = 'r' and relname not in ('__drizzle_migrations', 'office')`
  ).map(({ relname }) => relname as string);
  await sql`create schema if not exists aside`;
  for (const table of tables) await sql.unsafe(`create table aside.${table} as table dlo.${table}`);
  return async () => {
    await sql.begin(async (tx) => {
      await tx`set local session_replication_role = replica`;
      for (const table of tables) await tx.unsafe(`delete from dlo.${table}`);
      for (const table of tables)
        await tx.unsafe(`insert into dlo.${table} overriding system value table aside.${table}`);
    });
    await sql`drop schema aside cascade`;
  };
}

/** Columns that a restore cannot bring back: who asked for what is no more, and when exactly. */
function comparable({ retriedAt: _, retryRunId: __, closedAt, closeReason: ___, keepUntil: ____, ...row }: LetterRow) {
  return { ...row, ownPolicy: {}, originalPayload: null, isClosed: closedAt !== null };
}

test("a Postgres that is restored from a backup learns what happened since", async () => {
  const { letters } = office.dlo;
  for (const id of ["b-quiet", "b-recovers", "b-dies-again", "b-discarded", "b-extended", "b-moved"])
    await office.dead(id);
  const restore = await backup(office);

  // The hour that the backup does not have.
  office.when("b-recovers", () => "delivered");
  await letters.retry("b-recovers", { by: "ann" });
  await letters.retry("b-dies-again", { by: "ann" });
  await letters.discard("b-discarded", { by: "ann" });
  await letters.extend("b-extended", { retention: "3 days", by: "ann" });
  await letters.move("b-moved", { queue: "elsewhere", by: "ann" });
  await office.dead("b-new");
  await office.dead("b-new-and-gone");
  office.when("b-new-and-gone", () => "delivered");
  await letters.retry("b-new-and-gone", { by: "ann" });
  await until(async () => {
    const now = await lettersOf(office, "b-");
    const status = (id: string) => now.get(id)?.status;
    return (
      status("b-recovers") === "recovered" &&
      status("b-new-and-gone") === "recovered" &&
      now.get("b-dies-again")?.deaths === 2
    );
  });
  await until(async () => (await letters.get("b-dies-again")).status === "parked");
  const before = await lettersOf(office, "b-");

  await restore();
  expect(await lettersOf(office, "b-")).not.toEqual(before);
  const report = await office.dlo.reconcile({ thorough: true });
  expect(report.mended).toBeGreaterThan(0);
  expect(await foundInTheEnd()).toEqual([]);
  const after = await lettersOf(office, "b-");
  expect([...after.keys()].toSorted()).toEqual([...before.keys()].toSorted());
  for (const [id, row] of before) expect(comparable(after.get(id)!)).toEqual(comparable(row));
  expect(await disagreements(office)).toEqual([]);
});

test("a Postgres of which nothing is left gets back what Temporal knows, also of runs that it has forgotten", async () => {
  const kept = await office.dead("p-kept");
  const forgotten = await office.dead("p-forgotten");
  await forget("p-forgotten");
  await office.sql.begin(async (tx) => {
    await tx`set local session_replication_role = replica`;
    for (const table of ["dead_letters", "deaths", "attempts", "events", "causes", "reconciles", "prunes", "cursors"])
      await tx.unsafe(`delete from dlo.${table}`);
  });
  await office.dlo.reconcile({ thorough: true, jobs: ["deliver"] });
  expect(await foundInTheEnd()).toEqual([]);
  expect(await office.dlo.letters.get("p-kept")).toMatchObject({
    ...{
      id: kept.id,
      payload: kept.payload,
      attempts: 1,
      deaths: 1,
      errorMessage: kept.errorMessage,
      expiresAt: kept.expiresAt,
    },
  });
  // Its workflow remembers the error; the input was in history alone.
  expect(await office.dlo.letters.get("p-forgotten")).toMatchObject({
    ...{ id: forgotten.id, payload: null, payloadOmitted: true, deaths: 1, errorMessage: forgotten.errorMessage },
    ...{ status: "parked", expiresAt: forgotten.expiresAt },
  });
  expect(await disagreementsOf("p-")).toEqual([]);
});

test("a namespace that is lost: every open letter gets a workflow, and can be retried", async () => {
  const before = await office.dead("n-parked");
  await office.dead("n-retrying");
  office.when("n-retrying", () => new Promise(() => undefined));
  await office.dlo.letters.retry("n-retrying", { by: "ann" });
  await until(() => office.runs("n-retrying") === 2);
  for (const id of ["n-parked", "n-retrying"]) {
    await forget(letterWorkflowId(id));
    await forget(id);
  }
  await office.dlo.reconcile();
  expect(await foundInTheEnd()).toEqual([]);
  const after = await office.dlo.letters.get(before.id);
  expect(after).toMatchObject({ status: "parked", expiresAt: before.expiresAt, deaths: 1 });
  expect(await office.dlo.letters.get("n-retrying")).toMatchObject({ status: "parked", deaths: 1 });
  for (const id of ["n-parked", "n-retrying"]) {
    office.when(id, ({ to }) => `delivered to ${to}`);
    await office.dlo.letters.retry(id, { by: "ann" });
    await until(async () => (await office.dlo.letters.get(id)).status === "recovered");
  }
});

/** Temporal knows nothing of it any more, as after its namespace's retention. */
async function forget(workflowId: string): Promise<void> {
  const { workflowService, workflow } = office.dlo.temporal;
  await until(async () => {
    let runs = 0;
    for await (const { runId } of workflow.list({ query: `WorkflowId = '${workflowId}'` })) {
      runs++;
      await workflowService.deleteWorkflowExecution({
        ...{ namespace: office.namespace, workflowExecution: { workflowId, runId } },
      });
    }
    return runs === 0;
  });
}

async function disagreementsOf(prefix: string): Promise<string[]> {
  return (await disagreements(office)).filter((line) => line.startsWith(prefix));
}
