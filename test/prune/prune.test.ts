import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { v7 as uuidv7 } from "uuid";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { pruneWorkflowId } from "../../model/ids.ts";
import { openDatabase, type OpenDatabase } from "../../schema/database.ts";
import { type Background, background } from "../cli/background.ts";
import { environmentOf } from "../cli/dlo.ts";
import { miscounts } from "../schema/recount.ts";
import { openPostOffice, type PostOffice } from "../setup/post-office.ts";
import { openWorld, until, type World } from "../setup/world.ts";
import { closedLetters, contents } from "./closed-letters.ts";

// Prunes through the office: what goes, what stays, and what is told of it.

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

let office: PostOffice;
let database: OpenDatabase;

beforeAll(async () => {
  office = await openPostOffice();
  database = openDatabase(office.databaseUrl, { connections: 2 });
});
afterAll(async () => {
  await database?.close();
  await office?.close();
});

/** As if it had been closed some days ago. */
async function closedDaysAgo(id: string, days: number): Promise<void> {
  await office.sql`
    update dlo.dead_letters set closed_at = closed_at - make_interval(days => ${days}),
      keep_until = keep_until - make_interval(days => ${days}) where id = ${id} and closed_at is not null`;
}

async function closedOne(id: string, days: number): Promise<string> {
  const letter = await office.dead(id);
  await office.dlo.letters.discard(letter.id, { reason: "a test" });
  await closedDaysAgo(letter.id, days);
  // Its last events must have their place in the stream.
  await until(async () => (await office.sql`select from dlo.events where position is null`).length === 0);
  return letter.id;
}

async function rows(): Promise<string[]> {
  const found = await office.sql<{ workflow_id: string }[]>`
    select workflow_id from dlo.dead_letters where namespace = ${office.namespace} order by 1`;
  return found.map(({ workflow_id }) => workflow_id);
}

test("closed letters go when their keep time is over; open and held ones never do", async () => {
  const open = await office.dead("open");
  const held = await office.dead("held");
  await office.dlo.letters.extend(held.id, { retention: "indefinite", reason: "evidence" });
  await office.sql`
    update dlo.dead_letters set failed_at = now() - interval '2 years', first_failed_at = now() - interval '2 years'
    where id = any(${[open.id, held.id]})`;
  const old = await closedOne("old", 91);
  await closedOne("young", 89);
  const kept = await closedOne("for-ever", 900);
  await office.sql`update dlo.dead_letters set keep_until = null where id = ${kept}`;

  const pruned = await office.dlo.prune({ by: "ann", reason: "space" });
  expect(pruned).toMatchObject({ letters: 1, left: 0, remaining: { open: 2, closed: 2 } });
  expect(pruned.oldestClosedAt).toEqual(pruned.newestClosedAt);
  expect(await rows()).toEqual(["for-ever", "held", "open", "young"]);
  await expect(office.dlo.letters.get(old)).rejects.toMatchObject({ code: "LETTER_NOT_FOUND" });
  expect(await office.sql`select * from dlo.prunes`).toMatchObject([
    {
      ...{ id: pruned.id, namespace: office.namespace, by: "ann", reason: "space", letters: 1 },
      ...{ ended_at: expect.any(Date) as Date, oldest_closed_at: pruned.oldestClosedAt },
      rule: { asOf: expect.stringMatching(/^\d{4}-/) as string },
    },
  ]);

  const all = await office.dlo.prune({ olderThan: "1 minute" });
  expect(all).toMatchObject({ letters: 2, remaining: { open: 2, closed: 0 } });
  expect(await rows()).toEqual(["held", "open"]);
  // They can still be acted on.
  office.when("open", () => "delivered");
  expect(await office.dlo.letters.retry(open.id, { waitFor: "30 seconds" })).toMatchObject({ status: "recovered" });
  expect(await office.dlo.letters.discard(held.id)).toMatchObject({ status: "discarded" });
  await office.dlo.prune({ olderThan: "1 minute" });
  expect(await rows()).toEqual(["held", "open"]);
});

test("each kind of letter at an age of its own", async () => {
  await closedOne("tenant-a", 10);
  await closedOne("tenant-b", 10);
  await closedOne("tenant-c", 4);
  const before = (await rows()).length;
  expect(await office.dlo.prune({ filter: "workflow-id:tenant-a,tenant-c", olderThan: "7 days" })).toMatchObject({
    letters: 1,
  });
  expect(await rows()).not.toContain("tenant-a");
  expect(await office.dlo.prune({ filter: { job: "another-job" }, olderThan: "7 days" })).toMatchObject({
    ...{ letters: 0, oldestClosedAt: null, newestClosedAt: null },
  });
  expect(await rows()).toHaveLength(before - 1);
});

test("a dry run says what would go, and changes nothing", async () => {
  await closedOne("dry-1", 100);
  await closedOne("dry-2", 100);
  const before = await contents(office.sql);
  const preview = await office.dlo.prune({ filter: "workflow-id:dry-1,dry-2", dryRun: true });
  expect(preview).toMatchObject({ letters: 2, groups: [{ job: "deliver", status: "discarded", letters: 2 }] });
  expect(preview.samples.map(({ workflowId }) => workflowId)).toEqual(["dry-1", "dry-2"]);
  expect(await contents(office.sql)).toBe(before);
  // What comes of age after the dry run is not in what it showed.
  await closedOne("dry-3", 100);
  await office.sql`update dlo.dead_letters set keep_until = now() where workflow_id = 'dry-3'`;
  const filter = "workflow-id:dry-1,dry-2,dry-3";
  expect(await office.dlo.prune({ filter, asOf: preview.asOf })).toMatchObject({ letters: 2 });
  expect(await office.dlo.prune({ filter })).toMatchObject({ letters: 1 });
});

test("what cannot be meant deletes nothing, at each door", async () => {
  const id = await closedOne("stays", 100);
  for (const given of [
    ...[{ olderThan: 0 }, { olderThan: -5 }, { olderThan: "soon" }, { olderThan: 30 }, { olderThan: "30" }],
    ...[
      { filter: "status:open" },
      { filter: "" },
      { filter: undefined },
      { batch: 0 },
      { dryrun: true },
      { dryRun: "yes" },
    ],
  ])
    expect({ given, error: await errorOf(office.dlo.prune(given as never)) }).toMatchObject({
      error: { code: "USAGE" },
    });
  await expect(office.dlo.prune({ dryrun: true } as never)).rejects.toThrow('Did you mean "dryRun"?');
  for (const given of [{ olderThan: "soon" }, { filter: "status:parked" }, { dryRun: true }, "all"]) {
    const handle = await office.dlo.temporal.workflow.start("prune", {
      ...{ taskQueue: "dead-letter-office", workflowId: `by-hand-${uuidv7()}`, args: [given] },
    });
    expect({ given, error: await errorOf(handle.result()) }).toMatchObject({ error: { cause: { type: "USAGE" } } });
  }
  expect(await office.dlo.letters.get(id)).toMatchObject({ status: "discarded" });
});

test("a letter that something was just written to is left for the next time, and that is said", async () => {
  const id = await closedOne("noted", 100);
  const filter = { workflowId: "noted" };
  // As long as nobody numbers it: another sequencer is at work, for ever.
  await office.sql.begin(async (tx) => {
    await tx`select pg_advisory_xact_lock(hashtextextended('dead-letter-office/sequence', 0))`;
    await office.dlo.letters.note(id, { text: "why was that?" });
    expect(await office.dlo.prune({ filter })).toMatchObject({ letters: 0, left: 1 });
    expect(await office.dlo.letters.get(id)).toMatchObject({ status: "discarded" });
  });
  await until(async () => (await office.sql`select from dlo.events where position is null`).length === 0);
  expect(await office.dlo.prune({ filter })).toMatchObject({ letters: 1, left: 0 });
});

test("a repeat with the same id deletes nothing more, and says the same", async () => {
  await closedOne("repeat-1", 100);
  const id = uuidv7();
  const first = await office.dlo.prune({ id, filter: "workflow-id:repeat-1,repeat-2" });
  expect(first).toMatchObject({ id, letters: 1 });
  await closedOne("repeat-2", 100);
  expect(await office.dlo.prune({ id, filter: "workflow-id:repeat-1,repeat-2" })).toEqual(first);
  expect(await rows()).toContain("repeat-2");
  expect(await office.sql`select from dlo.prunes where id = ${id}`).toHaveLength(1);
});

test("many letters in batches: all are counted, and the counts are right", async () => {
  const ids = await closedLetters({ db: database.db, sql: office.sql }, office.namespace, 900, 31);
  const seen: number[] = [];
  const pruned = await office.dlo.prune({ filter: "-job:deliver", batch: 50, onProgress: (n) => seen.push(n) });
  expect(pruned.letters).toBe(ids.length);
  expect(seen).toEqual(seen.toSorted((a, b) => a - b));
  expect(await office.sql`select from dlo.dead_letters where id = any(${ids})`).toHaveLength(0);
  expect(await office.sql`select from dlo.deaths where letter_id = any(${ids})`).toHaveLength(0);
  await expect.poll(async () => await miscounts(office.sql, { pruned: true })).toEqual([]);
});

test("cancelled, it ends where it is, and its row says how far it came", async () => {
  const ids = await closedLetters({ db: database.db, sql: office.sql }, office.namespace, 300, 32);
  await using _ = await slowDeletes(office);
  const id = uuidv7();
  const refused = errorOf(office.dlo.prune({ id, filter: "-job:deliver", batch: 5 }));
  await until(async () => (await prunedSoFar(office, id)) > 20);
  await office.dlo.temporal.workflow.getHandle(pruneWorkflowId(id)).cancel();
  expect(await refused).toMatchObject({ code: "JOB_CANCELLED" });
  const [row] = await office.sql`select letters, ended_at from dlo.prunes where id = ${id}`;
  const left = await office.sql`select from dlo.dead_letters where id = any(${ids})`;
  expect(row).toMatchObject({ letters: ids.length - left.length, ended_at: expect.any(Date) as Date });
  expect(left.length).toBeGreaterThan(0);
});

test("where no office begins it, that is said, and nothing is deleted later", async () => {
  await closedOne("not-asked", 100);
  await expect(office.dlo.prune({ office: "nobody", filter: "workflow-id:not-asked" })).rejects.toMatchObject({
    ...{ code: "WAIT_TIMEOUT", message: expect.stringContaining("dlo office") as string },
  });
  await office.office({ office: "nobody" });
  // This one is taken by the office that has come since, and it took no other before.
  expect(await office.dlo.prune({ office: "nobody", filter: "workflow-id:none-such" })).toMatchObject({ letters: 0 });
  expect(await rows()).toContain("not-asked");
});

test("an office that is killed in the middle: the next one goes on, and each letter is counted once", async () => {
  await using world = await openWorld();
  await using opened = openDatabase(world.databaseUrl, { connections: 2 });
  const folder = await mkdtemp(join(tmpdir(), "dlo-prune-"));
  const start = async (): Promise<Background> => {
    const running = background(["office"], { cwd: folder, env: environmentOf(world) });
    await running.says("is open");
    return running;
  };
  try {
    const ids = await closedLetters({ db: opened.db, sql: world.sql }, world.namespace, 600, 33);
    await using _ = await slowDeletes(world);
    const first = await start();
    const id = uuidv7();
    const pruning = world.dlo.prune({ id, batch: 10 });
    await until(async () => (await prunedSoFar(world, id)) >= 100);
    await first.stop("SIGKILL");
    const [row] = await world.sql`select letters, ended_at from dlo.prunes where id = ${id}`;
    expect(row).toMatchObject({ ended_at: null });
    expect(row!["letters"]).toBeLessThan(ids.length);
    const next = await start();
    expect(await pruning).toMatchObject({ letters: ids.length, remaining: { open: 0, closed: 0 } });
    expect(await world.sql`select letters from dlo.prunes`).toMatchObject([{ letters: ids.length }]);
    expect(await miscounts(world.sql, { pruned: true })).toEqual([]);
    await next.stop("SIGTERM");
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

async function errorOf(work: Promise<unknown>): Promise<unknown> {
  return await work.then(
    () => undefined,
    (error: unknown) => error,
  );
}

async function prunedSoFar({ sql }: World, id: string): Promise<number> {
  const [row] = await sql<{ letters: number }[]>`select letters from dlo.prunes where id = ${id}`;
  return row?.letters ?? 0;
}

/** Each statement that deletes letters takes a moment, so that a prune has a middle. */
async function slowDeletes({ sql }: World): Promise<AsyncDisposable> {
  await sql.unsafe(`
    create function public.slowly() returns trigger language plpgsql as $$ begin perform pg_sleep(0.05); return null; end $$;
    create trigger slowly before delete on dlo.dead_letters for each statement execute function public.slowly()`);
  return {
    [Symbol.asyncDispose]: async () =>
      void (await sql.unsafe("drop trigger slowly on dlo.dead_letters; drop function public.slowly()")),
  };
}
