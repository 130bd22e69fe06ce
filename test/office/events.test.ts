import { randomInt, randomUUID } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { OfficeEvent, SubscribeOptions, Subscription } from "../../client/index.ts";
import { type LetterReader, openReader } from "../../client/reader.ts";
import { readCursor } from "../../schema/cursors.ts";
import { type OpenDatabase, openDatabase } from "../../schema/database.ts";
import { noteLetter } from "../../schema/note-letter.ts";
import { parkDeath } from "../../schema/park-death.ts";
import { migrateDatabase } from "../../setup/migrate.ts";
import { freePort } from "../../stack/ports.ts";
import { resolvePostgres } from "../../stack/postgres-binary.ts";
import { startPostgres } from "../../stack/postgres-server.ts";
import { type Clerk, startClerk } from "../../worker/clerk.ts";
import type { Follower } from "../../worker/follow-events.ts";
import { causeNamed, deathOf } from "../schema/deaths.ts";
import { testDatabase } from "../setup/postgres.ts";
import { until } from "../setup/world.ts";

// The stream of events as its readers get it: from the tables and the office's clerk, which need no Temporal.

let database: OpenDatabase & { readonly url: string };
let reader: LetterReader;
const opened: (() => Promise<unknown>)[] = [];
beforeEach(async () => {
  database = await testDatabase();
  reader = openHere();
});
afterEach(async () => {
  for (const close of opened.splice(0).toReversed()) await close();
});

function openHere(): LetterReader {
  const here = openReader({ databaseUrl: database.url });
  opened.push(here.close);
  return here;
}

function clerk(followers: readonly Follower[] = []): Clerk {
  const one = startClerk(database.url, followers);
  opened.push(one.close);
  return one;
}

/** Reads a subscription to its end, beside the test. */
function heard(events: Subscription): { readonly events: OfficeEvent[]; readonly ended: Promise<void> } {
  const all: OfficeEvent[] = [];
  const ended = (async () => {
    for await (const event of events) all.push(event);
  })();
  ended.catch(() => undefined);
  opened.push(async () => void (await events.return?.()));
  return { events: all, ended };
}

function follow(options?: SubscribeOptions, by = reader) {
  return heard(by.events.subscribe(options));
}

async function die(id: string, otherwise: Parameters<typeof deathOf>[1] = {}) {
  return (await parkDeath(database.db, deathOf(id, otherwise))).letter;
}

const positionsOf = (events: readonly OfficeEvent[]) => events.map(({ position }) => position);
const typesOf = (events: readonly OfficeEvent[]) => events.map(({ type }) => type);

test(
  "twenty write at once, commit late or not at all, and connections break: each reader gets each event once, in order, without a gap",
  { timeout: 120_000 },
  async () => {
    const many = openDatabase(database.url, { connections: 20 });
    opened.push(many.close);
    clerk();
    clerk();
    const readers = [openHere(), openHere(), openHere()];
    const early = [follow({ after: 0 }, readers[0]), follow({}, readers[0]), follow({ after: 0 }, readers[1])];
    let writing = true;
    const writers = Array.from({ length: 20 }, async (_, writer) => {
      for (let n = 0; n < 10; n++)
        await many.db
          .transaction(async (tx) => {
            for (let deaths = randomInt(1, 4); deaths > 0; deaths--) {
              await parkDeath(
                tx,
                // Some of them again: not with a row that another transaction waits for.
                deathOf(`${writer}/${randomInt(8)}`, { runId: randomUUID(), cause: causeNamed(`cause of ${writer}`) }),
              );
              if (randomInt(3) === 0) await setTimeout(randomInt(30));
            }
            if (randomInt(5) === 0) throw new Error("rolled back");
          })
          .catch((error: Error) => expect(error.message).toBe("rolled back"));
    });
    // Whatever connection readers and clerks have breaks, again and again.
    const breaking = (async () => {
      for (let n = 0; writing; n++) {
        await until(async () => !writing || early[0]!.events.length > n * 60);
        await database.sql`
          select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and
            (application_name = 'dead-letter-office clerk' or query ilike 'listen %')`;
        await setTimeout(50);
      }
      return undefined;
    })();
    await until(() => early[0]!.events.length > 50);
    const late = follow({ after: early[0]!.events[20]!.position }, readers[2]);
    await Promise.all(writers);
    writing = false;
    await breaking;
    const rows = await database.sql<{ id: string; position: string | null }[]>`select id, position from dlo.events`;
    for (const { events } of [...early, late]) await until(() => events.at(-1)?.position === rows.length);
    // Nothing more comes after the last, and each has exactly its place.
    const all = rows.map((_, n) => n + 1);
    const [whole, fromNow, other] = early;
    expect(positionsOf(whole!.events)).toEqual(all);
    expect(positionsOf(other!.events)).toEqual(all);
    expect(positionsOf(fromNow!.events)).toEqual(all);
    expect(positionsOf(late.events)).toEqual(all.slice(21));
    // Or else the test has not shown anything: some did commit after others that were written later, and some not at all.
    const after = await database.sql<
      { id: string; position: string | null }[]
    >`select id, position from dlo.events order by id`;
    const places = after.map(({ position }) => Number(position));
    expect(places.toSorted((one, two) => one - two)).toEqual(all);
    expect(places).not.toEqual(all);
    expect(Number(after.at(-1)!.id)).toBeGreaterThan(all.length);
  },
);

test("what nobody has numbered yet is nobody's news; an office that opens later numbers it, where the last one stopped", async () => {
  const following = follow({ after: 0 });
  const first = clerk();
  const letter = await die("job/1");
  await until(() => following.events.length === 2);
  expect(typesOf(following.events)).toEqual(["parked", "cause_new"]);
  await first.close();
  await noteLetter(database.db, letter.id, { type: "noted", atMs: Date.now(), by: "ann", data: { text: "seen" } });
  expect(await reader.events.list()).toMatchObject({
    events: [{ position: 1 }, { position: 2 }],
    next: 2,
    atEnd: true,
  });
  clerk();
  await until(() => following.events.length === 3);
  expect(following.events[2]).toMatchObject({
    position: 3,
    type: "noted",
    by: "ann",
    data: { text: "seen" },
    letterId: letter.id,
    workflowId: "job/1",
    letter: { job: "import-movie", queue: "default", errorType: "TypeError" },
    cause: null,
  });
  expect(following.events[1]).toMatchObject({
    letterId: null,
    letter: null,
    cause: { title: "title is not a string" },
  });
});

test("a subscription from now on has what came after it was asked for, whenever its first event is read", async () => {
  clerk();
  await die("before");
  await until(async () => (await reader.events.list()).events.length === 2);
  const events = reader.events.subscribe();
  // The question is on its way before the next death is.
  await reader.events.list();
  await die("after");
  expect((await events.next()).value).toMatchObject({ workflowId: "after", position: 3 });
  await events.return?.();
});

test("only events of some types, of a letter, or of letters that fit a filter, and of their causes", async () => {
  clerk();
  const [one, two] = [
    await die("job/1"),
    await die("job/2", { job: "ship-order", category: "network", cause: causeNamed("refused"), namespace: "default" }),
  ];
  await die("elsewhere", { namespace: "other", cause: causeNamed("of another namespace") });
  await noteLetter(database.db, one.id, { type: "noted", atMs: Date.now(), by: "ann", data: { text: "n" } });
  await until(async () => (await reader.events.list({ filter: "namespace:default,other" })).events.length === 7);
  const list = async (options: Parameters<LetterReader["events"]["list"]>[0]) =>
    (await reader.events.list(options)).events.map(({ type, workflowId }) => `${type} ${workflowId ?? ""}`);
  // Of this namespace alone, unless others are named.
  expect(await list({})).toEqual(["parked job/1", "cause_new ", "parked job/2", "cause_new ", "noted job/1"]);
  expect(await list({ filter: "namespace:other" })).toEqual(["parked elsewhere", "cause_new "]);
  expect(await list({ types: ["noted", "cause_new"] })).toEqual(["cause_new ", "cause_new ", "noted job/1"]);
  expect(await list({ letter: one.id.slice(0, 18) })).toEqual(["parked job/1", "noted job/1"]);
  expect(await list({ letter: [one.id, "job/2"], types: "parked" })).toEqual(["parked job/1", "parked job/2"]);
  expect(await list({ filter: { job: "ship-order" } })).toEqual(["parked job/2", "cause_new "]);
  expect(await list({ filter: "-job:ship-order" })).toEqual(["parked job/1", "cause_new ", "noted job/1"]);
  expect(await list({ filter: "category:network job:import-movie" })).toEqual([]);
  const following = follow({ after: 0, filter: "job:ship-order", types: ["parked"] });
  await until(() => following.events.length === 1);
  expect(following.events[0]).toMatchObject({ letterId: two.id });
});

test("pages follow each other to the end, also where few events fit", async () => {
  clerk();
  for (let n = 0; n < 12; n++) await die(`job/${n}`, n % 6 === 5 ? { job: "rare" } : {});
  await until(async () => (await reader.events.list()).events.length === 13);
  const pages: OfficeEvent[][] = [];
  for (let after = 0, atEnd = false; !atEnd;) {
    const page = await reader.events.list({ after, limit: 5 });
    pages.push([...page.events]);
    ({ next: after, atEnd } = page);
  }
  expect(pages.map((page) => page.length)).toEqual([5, 5, 3]);
  expect(positionsOf(pages.flat())).toEqual(Array.from({ length: 13 }, (_, n) => n + 1));
  const rare = await reader.events.list({ limit: 1, filter: "job:rare", types: "parked" });
  expect(rare).toMatchObject({ events: [{ workflowId: "job/5" }], atEnd: false });
  expect(await reader.events.list({ after: rare.next, limit: 1, filter: "job:rare", types: "parked" })).toMatchObject({
    events: [{ workflowId: "job/11" }],
    next: 13,
  });
  expect(await reader.events.list({ after: "now" })).toEqual({ events: [], next: 13, atEnd: true });
});

test("a subscription that waits ends at once by return, by its signal, and with its client", async () => {
  clerk();
  const returned = reader.events.subscribe({ after: 0 });
  const pending = returned.next();
  await setTimeout(0);
  expect(await returned.return!()).toEqual({ done: true, value: undefined });
  expect(await pending).toEqual({ done: true, value: undefined });
  expect(await returned.next()).toEqual({ done: true, value: undefined });

  const stop = new AbortController();
  const signalled = follow({ after: 0, signal: stop.signal });
  await die("job/1");
  await until(() => signalled.events.length === 2);
  stop.abort();
  await signalled.ended;
  const never = reader.events.subscribe({ after: 0, signal: AbortSignal.abort() });
  expect(await never.next()).toEqual({ done: true, value: undefined });

  const other = openHere();
  const closed = follow({ after: 0 }, other);
  await until(() => closed.events.length === 2);
  await other.close();
  await closed.ended;
  // No connection is left behind: neither for asking nor for listening.
  await until(
    async () =>
      (
        await database.sql`
          select from pg_stat_activity where datname = current_database() and query ilike 'listen %' and state is not null`
      ).length <= 1,
  );
});

test("whoever leaves in the middle of a page can go on from the position of the last event it has had", async () => {
  clerk();
  for (const id of ["a", "b", "c"]) await die(id);
  await until(async () => (await reader.events.list()).events.length === 4);
  const seen: OfficeEvent[] = [];
  let at = 0;
  for (let n = 0; n < 4; n++) {
    const events = reader.events.subscribe({ after: at });
    for await (const event of events) {
      seen.push(event);
      break;
    }
    at = events.position!;
  }
  expect(positionsOf(seen)).toEqual([1, 2, 3, 4]);
});

test(
  "Postgres goes away and comes back: the office's clerk and the reader wait for it, and go on where they were",
  { timeout: 120_000 },
  async () => {
    const folder = await mkdtemp(join(tmpdir(), "dlo-events-"));
    opened.push(async () => await rm(folder, { recursive: true, force: true }));
    const port = await freePort(0);
    const up = async () => {
      const { signal } = new AbortController();
      const progress = () => undefined;
      const binaries = await resolvePostgres({ progress, signal });
      return await startPostgres({ binaries, folder, port, database: "dlo", progress, signal });
    };
    let server = await up();
    opened.push(async () => await server.stop());
    await migrateDatabase(server.url);
    const own = openDatabase(server.url, { connections: 2 });
    opened.push(own.close);
    const numbering = startClerk(server.url);
    opened.push(numbering.close);
    const there = openReader({ databaseUrl: server.url });
    opened.push(there.close);
    const interruptions: string[] = [];
    const onInterrupted = (error: Error) => void interruptions.push((error as { code?: string }).code ?? error.message);
    const following = follow({ after: 0, onInterrupted }, there);
    await parkDeath(own.db, deathOf("before"));
    await until(() => following.events.length === 2);
    await own.sql`alter system set max_prepared_transactions = 1`;
    for (const n of [1, 2]) {
      await server.stop();
      await until(() => interruptions.length === n);
      server = await up();
      await until(async () => Boolean(await parkDeath(own.db, deathOf(`after ${n}`))));
      await until(() => following.events.at(-1)?.workflowId === `after ${n}`);
    }
    // Nothing in these tables notifies within the writer's transaction, so that one can be committed in two phases.
    await own.sql.begin(async (tx) => {
      await tx`insert into dlo.events (letter_id, namespace, workflow_id, type)
        select id, namespace, workflow_id, 'noted' from dlo.dead_letters where workflow_id = 'before'`;
      await tx.prepare("two_phases");
    });
    await parkDeath(own.db, deathOf("meanwhile"));
    await until(() => following.events.at(-1)?.workflowId === "meanwhile");
    await own.sql`commit prepared 'two_phases'`;
    await until(() => following.events.at(-1)?.type === "noted");
    expect(positionsOf(following.events)).toEqual([1, 2, 3, 4, 5, 6]);
    expect(interruptions).toEqual(["DATABASE_UNREACHABLE", "DATABASE_UNREACHABLE"]);
    // It hears by LISTEN again, not by polling alone.
    await until(async () => (await own.sql`select from pg_stat_activity where query ilike 'listen %'`).length === 1);
  },
);

test("what cannot be meant is refused at once, and a database that is not there when reading begins", async () => {
  const subscribe = (options: object) => () => reader.events.subscribe(options);
  expect(subscribe({ types: ["parkd"] })).toThrow(
    expect.objectContaining({ code: "USAGE", message: expect.stringContaining('"parked"') }),
  );
  expect(subscribe({ after: -1 })).toThrow(expect.objectContaining({ code: "USAGE" }));
  expect(subscribe({ filter: "jb:x" })).toThrow(expect.objectContaining({ code: "USAGE" }));
  await expect(reader.events.list({ limit: 0 })).rejects.toMatchObject({ code: "USAGE" });
  await expect(reader.events.subscribe({ letter: "nobody" }).next()).rejects.toMatchObject({
    code: "LETTER_NOT_FOUND",
  });
  const nowhere = openReader({ databaseUrl: "postgres://nobody@127.0.0.1:1/none" });
  opened.push(nowhere.close);
  for (const after of ["now", 0] as const)
    await expect(nowhere.events.subscribe({ after }).next()).rejects.toMatchObject({ code: "DATABASE_UNREACHABLE" });
});

test("a follower of the office's gets what comes from its first day on, the same again until it is dealt with, then goes on", async () => {
  await die("before");
  const numbering = clerk();
  await until(async () => (await reader.events.list()).events.length === 2);
  await numbering.close();
  const taken: string[][] = [];
  let refuses = 2;
  const follower: Follower = {
    name: "test",
    types: ["parked", "died_again"],
    async take(events) {
      taken.push(events.map(({ workflowId }) => workflowId!));
      if (refuses-- > 0) throw new Error("not today");
    },
  };
  const office = clerk([follower]);
  await until(async () => (await readCursor(database.db, "test")) === 2);
  await die("first");
  await until(() => taken.length === 3);
  await until(async () => (await readCursor(database.db, "test"))! > 2);
  await office.close();
  await die("second");
  clerk([follower]);
  clerk([{ ...follower, take: async (events) => void taken.push(events.map(({ workflowId }) => workflowId!)) }]);
  await until(async () => (await readCursor(database.db, "test")) === 4);
  expect(taken.slice(0, 3)).toEqual([["first"], ["first"], ["first"]]);
  // Of two offices, both may have begun with it, and one moved on.
  expect(new Set(taken.slice(3).flat())).toEqual(new Set(["second"]));
});
