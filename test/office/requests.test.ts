import type { Client } from "@temporalio/client";
import postgres from "postgres";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { blocksOf } from "../docs/read-docs.ts";
import { openDatabase } from "../../schema/database.ts";
import type { LetterRow } from "../../schema/rows.ts";
import { answerRequests } from "../../worker/answer-requests.ts";
import { ended, succeeds } from "../redrive/redriven.ts";
import { openFaultyOffice } from "../setup/faulty-office.ts";
import { deliver, openPostOffice, type PostOffice } from "../setup/post-office.ts";
import { openWorld, until, type World } from "../setup/world.ts";

// A row in `dlo.requests` as its writer sees it: carried out once, and answered. Two offices share the database.

vi.setConfig({ testTimeout: 40_000 });

let office: PostOffice;
beforeAll(async () => {
  office = await openPostOffice();
  await office.office();
});
afterAll(async () => await office?.close());

type Row = {
  readonly id: string;
  readonly by: string;
  readonly state: string;
  readonly code: string | null;
  readonly answer: string | null;
  readonly redrive_id: string | null;
};

/** What is inserted, beside the namespace. */
type Asked = { command: string; letter_id?: string; filter?: string; options?: unknown; reason?: string };

async function ask({ sql, namespace }: World, ...asked: readonly Asked[]): Promise<string[]> {
  const rows = asked.map((one) => ({
    ...{ letter_id: null, filter: null, reason: null, namespace },
    ...one,
    options: one.options === undefined ? null : sql.json(one.options as never),
  }));
  const inserted = await sql`insert into dlo.requests ${sql(rows)} returning id::text`;
  return inserted.map(({ id }) => id as string);
}

async function answered({ sql }: World, ...ids: readonly string[]): Promise<Row[]> {
  const read = async () =>
    await sql<Row[]>`
      select id::text, by, state, code, answer, redrive_id from dlo.requests
      where id = any(${[...ids]}::bigint[]) and answered_at is not null order by requests.id`;
  await until(async () => (await read()).length === ids.length);
  return await read();
}

async function asks(...asked: readonly Asked[]): Promise<Row[]> {
  return await answered(office, ...(await ask(office, ...asked)));
}

/** What a request brought into its letter's story. */
async function eventsOf({ sql }: World, request: string): Promise<string[]> {
  const found = await sql`select type from dlo.events where request_id like ${`request/${request}@%`} order by id`;
  return found.map(({ type }) => type as string);
}

test("a letter is noted, amended, extended and retried, in the order of asking, in the database user's name", async () => {
  const letter = await office.dead("in-order");
  office.when("in-order", ({ to }) => {
    if (to !== "bob") throw new Error(`not for ${to}`);
  });
  const rows = await asks(
    { command: "note", letter_id: letter.id, options: { text: "moved to bob" } },
    { command: "amend", letter_id: letter.id, options: { input: { to: "bob" } } },
    { command: "extend", letter_id: letter.id, options: { retention: "60 days" } },
    { command: "retry", letter_id: letter.id, reason: "bob is at home" },
  );
  const [{ user }] = await office.sql<[{ user: string }]>`select session_user as user`;
  for (const row of rows) expect(row).toMatchObject({ by: user, state: "done", code: null, redrive_id: null });
  expect(rows[3]!.answer).toMatch(
    new RegExp(`^Dead letter ${letter.id} has taken "retry", and is \\w+ now\\. .*dlo show`),
  );
  await until(async () => (await office.dlo.letters.get(letter.id)).status === "recovered");
  const { events } = await office.dlo.letters.story(letter.id);
  const signed = events.filter(({ requestId }) => requestId !== null);
  expect(signed.map(({ type }) => type)).toEqual(["noted", "amended", "extended", "retry_asked", "retrying"]);
  for (const { by } of signed) expect(by).toBe(user);
  expect(signed[3]).toMatchObject({
    requestId: expect.stringMatching(new RegExp(`^request/${rows[3]!.id}@\\d+$`)) as string,
    reason: "bob is at home",
  });
  expect(office.runs("in-order")).toBe(2);
});

test("a closed letter takes a note, and nothing else; discard and expire close one", async () => {
  const [first, second] = [await office.dead("closed-1"), await office.dead("closed-2")];
  const closing = await asks(
    { command: "discard", letter_id: first.id, reason: "a duplicate" },
    { command: "expire", letter_id: second.id },
  );
  expect(closing.map(({ answer }) => answer)).toEqual([
    expect.stringContaining('has taken "discard", and is discarded now'),
    expect.stringContaining('has taken "expire", and is expired now'),
  ]);
  expect(await office.dlo.letters.get(first.id)).toMatchObject({ status: "discarded", closeReason: "a duplicate" });
  const [noted, retried] = await asks(
    { command: "note", letter_id: first.id, options: { text: "seen" } },
    { command: "retry", letter_id: first.id },
  );
  expect(noted).toMatchObject({ state: "done", answer: expect.stringContaining("is discarded now") as string });
  expect(await eventsOf(office, noted!.id)).toEqual(["noted"]);
  const [reopened] = await asks({ command: "reopen", letter_id: second.id });
  await ended(office, reopened!.redrive_id!);
  expect(await office.dlo.letters.get(second.id)).toMatchObject({ status: "parked" });
  expect(retried).toMatchObject({
    ...{ state: "refused", code: "LETTER_CLOSED" },
    answer: `Dead letter ${first.id} is closed (discarded) and takes no command but "note". To run its job again, start it anew: dlo start`,
  });
});

test("what cannot be meant is refused with its reason, and holds up nothing", async () => {
  const letter = await office.dead("refusals");
  const nobody = "01a20ff3-7b82-717d-8b41-454af7ec025b";
  const of = { letter_id: letter.id };
  let deep: unknown = "bottom";
  for (let i = 0; i < 1000; i++) deep = [deep];
  const cases: readonly (readonly [Asked, string, string])[] = [
    [{ command: "rety", ...of }, "USAGE", 'Unknown command "rety". Did you mean "retry"?'],
    [{ command: "retry" }, "USAGE", "Which letters? Give a letter_id or a filter"],
    [{ command: "retry", ...of, filter: "job:deliver" }, "USAGE", "exactly one of them"],
    [{ command: "retry", letter_id: nobody }, "LETTER_NOT_FOUND", `There is no dead letter ${nobody}`],
    [{ command: "retry", filter: "jb:deliver" }, "USAGE", 'Did you mean "job"?'],
    [{ command: "retry", filter: "" }, "USAGE", "An empty filter would mean all letters"],
    [{ command: "retry", filter: "job:deliver", options: { rate: 0 } }, "USAGE", "rate must be from 0.1 to 500"],
    [{ command: "retry", ...of, options: { inptu: {} } }, "USAGE", 'Did you mean "input"?'],
    [{ command: "retry", ...of, options: ["input"] }, "USAGE", "options must be an object"],
    [
      { command: "retry", ...of, options: { input: { to: 5 } } },
      "INPUT_INVALID",
      "The new input is not valid for deliver",
    ],
    [{ command: "retry", ...of, options: { input: deep } }, "INPUT_INVALID", "The new input is not valid for deliver"],
    [{ command: "amend", ...of, options: { input: "x".repeat(1_600_000) } }, "INPUT_TOO_LARGE", "at most 1500000"],
    [
      { command: "note", ...of, options: { text: "x".repeat(1_400_000) }, reason: "r".repeat(10_001) },
      "USAGE",
      "reason",
    ],
    [{ command: "note", ...of, options: { text: " " } }, "USAGE", "text must be a text"],
  ];
  const rows = await asks(...cases.map(([asked]) => asked), {
    command: "note",
    ...of,
    options: { text: "␀ \u{1f4a3} \\u0000" },
  });
  for (const [i, [, code, answer]] of cases.entries())
    expect(rows[i]).toMatchObject({ state: "refused", code, answer: expect.stringContaining(answer) as string });
  expect(rows.at(-1)).toMatchObject({ state: "done" });
  expect(await office.events(letter.id)).toEqual(["parked", "noted"]);
  expect(office.runs("refusals")).toBe(1);
  // Postgres itself takes no NUL.
  await expect(
    office.sql`insert into dlo.requests (command, options) values ('note', '{"text":"\\u0000"}')`,
  ).rejects.toMatchObject({
    code: "22P05",
  });
});

test("neither the name of who asks nor the answer can be forged", async () => {
  const letter = await office.dead("forged");
  const [row] = await office.sql<{ id: string }[]>`
    insert into dlo.requests (namespace, command, letter_id, options, by, asked_at, state, answered_at, lease_until, redrive_id, code, answer)
    values (${office.namespace}, 'note', ${letter.id}, '{"text":"mine"}', 'mallory', 'yesterday', 'done', now(), now() + interval '1 day',
      ${letter.id}, 'USAGE', 'all is well') returning id::text`;
  const [request] = await answered(office, row!.id);
  const [{ user }] = await office.sql<[{ user: string }]>`select session_user as user`;
  expect(request).toMatchObject({ by: user, state: "done", code: null, redrive_id: null });
  expect(request!.answer).toContain('has taken "note"');
  const { events } = await office.dlo.letters.story(letter.id);
  expect(events.at(-1)).toMatchObject({ type: "noted", by: user });
});

test("what is rolled back is never seen", async () => {
  const letter = await office.dead("rolled-back");
  const rows = Array.from({ length: 200 }, () => ({
    command: "discard",
    letter_id: letter.id,
    namespace: office.namespace,
  }));
  await office.sql
    .begin(async (tx) => {
      await tx`insert into dlo.requests ${tx(rows)}`;
      throw new Error("changed my mind");
    })
    .catch(() => undefined);
  await asks({ command: "note", letter_id: letter.id, options: { text: "after" } });
  expect(await office.sql`select from dlo.requests where letter_id = ${letter.id}`).toHaveLength(1);
  expect(await office.events(letter.id)).toEqual(["parked", "noted"]);
});

test(
  "three hundred in one transaction are each carried out once, in their order, by two offices",
  {
    timeout: 120_000,
  },
  async () => {
    const letters: LetterRow[] = [];
    for (let i = 0; i < 6; i++) letters.push(await office.dead(`many-${i}`));
    const asked = Array.from({ length: 300 }, (_, i) => ({
      command: "note",
      letter_id: letters[i % letters.length]!.id,
      options: { text: `note ${i}` },
    }));
    const rows = await asks(...asked);
    expect(rows.filter(({ state }) => state !== "done")).toEqual([]);
    const told = await office.sql<{ text: string }[]>`
    select data ->> 'text' as text from dlo.events where type = 'noted' and letter_id = any(${letters.map(({ id }) => id)}) order by letter_id, id`;
    const orderly = letters
      .toSorted((one, other) => (one.id < other.id ? -1 : 1))
      .flatMap(({ id }) => asked.filter(({ letter_id }) => letter_id === id).map(({ options }) => options.text));
    expect(told.map(({ text }) => text)).toEqual(orderly);
  },
);

test("a filter is a redrive, with its outcomes; what is worked on again after a crash is the same one", async () => {
  for (const id of ["by-filter-0", "by-filter-1"]) {
    await office.dead(id, { to: "by-filter" });
    office.when(id, succeeds);
  }
  const options = { force: true, rate: 100 };
  const [request] = await asks({
    command: "retry",
    filter: "payload.to=by-filter",
    options,
    reason: "the door is open",
  });
  const { redrive_id: id, by } = request!;
  expect(request).toMatchObject({
    ...{ state: "done", code: null },
    answer: expect.stringContaining(`dlo redrive show ${id} --follow`) as string,
  });
  expect(await ended(office, id!)).toMatchObject({
    ...{ status: "completed", by, reason: "the door is open", counts: { items: 2, recovered: 2 } },
  });
  const before = await office.sql`select from dlo.redrives`;
  await fallBack(office, request!.id);
  expect(await answered(office, request!.id)).toEqual([request]);
  expect(await office.sql`select from dlo.redrives`).toHaveLength(before.length);
  for (const one of ["by-filter-0", "by-filter-1"]) expect(office.runs(one)).toBe(2);
});

test("a command that was carried out before a crash is not carried out again, though it closed its letter", async () => {
  const [retried, discarded, noted] = [
    await office.dead("again-1"),
    await office.dead("again-2"),
    await office.dead("again-3"),
  ];
  office.when("again-1", succeeds);
  const rows = await asks(
    { command: "retry", letter_id: retried.id },
    { command: "discard", letter_id: discarded.id },
    { command: "note", letter_id: noted.id, options: { text: "once" } },
  );
  await until(async () => (await office.dlo.letters.get(retried.id)).status === "recovered");
  const ids = rows.map(({ id }) => id);
  await fallBack(office, ...ids);
  const again = await answered(office, ...ids);
  expect(again.map(({ state, answer }) => [state, /is (\w+) now/.exec(answer!)![1]])).toEqual([
    ["done", "recovered"],
    ["done", "discarded"],
    ["done", "parked"],
  ]);
  expect(office.runs("again-1")).toBe(2);
  expect(await eventsOf(office, ids[0]!)).toEqual(["retry_asked", "retrying"]);
  expect(await eventsOf(office, ids[1]!)).toEqual(["discarded"]);
  expect(await eventsOf(office, ids[2]!)).toEqual(["noted"]);
});

test("a notice that is lost with its connection is made up for", async () => {
  const letter = await office.dead("deaf");
  const listening = async () =>
    await office.sql<{ pid: number }[]>`
      select pid from pg_stat_activity where datname = current_database() and query ilike 'listen "dlo_requests"%'`;
  await until(async () => (await listening()).length >= 2);
  const before = (await listening()).map(({ pid }) => pid);
  for (const pid of before) await office.sql`select pg_terminate_backend(${pid})`;
  const [row] = await asks({ command: "note", letter_id: letter.id, options: { text: "heard" } });
  expect(row).toMatchObject({ state: "done" });
  // And they listen again.
  await until(async () => (await listening()).filter(({ pid }) => !before.includes(pid)).length >= 2);
  expect(await eventsOf(office, row!.id)).toEqual(["noted"]);
});

test("a request of another namespace stays asked, and a letter of another namespace is refused", async () => {
  const letter = await office.dead("elsewhere");
  const [other] = await office.sql<{ id: string }[]>`
    insert into dlo.requests (command, letter_id) values ('discard', ${letter.id}) returning id::text`;
  await office.sql`update dlo.dead_letters set namespace = 'elsewhere' where id = ${letter.id}`;
  const [refused] = await asks({ command: "discard", letter_id: letter.id });
  expect(refused).toMatchObject({
    ...{ state: "refused", code: "USAGE" },
    answer: expect.stringContaining(
      `is in namespace "elsewhere", and the request is for "${office.namespace}"`,
    ) as string,
  });
  expect(await office.sql`select state from dlo.requests where id = ${other!.id}`).toEqual([{ state: "asked" }]);
});

test("an office that falls between doing it and saying so: meanwhile the row says why, and another says that it was done once", async () => {
  await using world = await openWorld();
  const stop = await openFaultyOffice(world, {});
  await world.worker({ jobs: [deliver.handle(() => Promise.reject(new Error("nobody at home")))] });
  const dead = async (id: string) => {
    await (await world.dlo.start(deliver, { to: "ann" }, { id })).result().catch(() => undefined);
    return await world.dlo.letters.get(id);
  };
  const [noted, discarded] = [await dead("fallen-1"), await dead("fallen-2")];
  const [{ databaseId }] = await world.sql<
    [{ databaseId: string }]
  >`select database_id as "databaseId" from dlo.office`;
  const answering = (client: Client) =>
    answerRequests({ databaseUrl: world.databaseUrl, client, office: "dead-letter-office", databaseId });
  const fallen = answering(speechless(world.dlo.temporal));
  const ids = await ask(
    world,
    { command: "note", letter_id: noted.id, options: { text: "once" } },
    { command: "discard", letter_id: discarded.id },
  );
  const rows = async () => await world.sql<Row[]>`select state, answer, code from dlo.requests order by id`;
  await until(async () => (await rows()).every(({ answer }) => answer !== null));
  for (const row of await rows())
    expect(row).toEqual({
      state: "working",
      answer: "Not yet, and it is tried again: it was done, and nobody heard",
      code: null,
    });
  await fallen.close();
  const well = answering(world.dlo.temporal);
  const [first, second] = await answered(world, ...ids);
  expect(first).toMatchObject({ state: "done", answer: expect.stringContaining("is parked now") as string });
  expect(second).toMatchObject({ state: "done", answer: expect.stringContaining("is discarded now") as string });
  expect(await eventsOf(world, ids[0]!)).toEqual(["noted"]);
  expect(await eventsOf(world, ids[1]!)).toEqual(["discarded"]);
  await well.close();
  await stop();
});

test("what is under way when its office stops is given back, and the office does not wait for it", async () => {
  await using world = await openWorld();
  const stop = await openFaultyOffice(world, {});
  await world.worker({ jobs: [deliver.handle(() => Promise.reject(new Error("nobody at home")))] });
  await (await world.dlo.start(deliver, { to: "ann" }, { id: "given-back" })).result().catch(() => undefined);
  const letter = await world.dlo.letters.get("given-back");
  const [{ databaseId }] = await world.sql<
    [{ databaseId: string }]
  >`select database_id as "databaseId" from dlo.office`;
  const { databaseUrl, dlo } = world;
  const answering = () =>
    answerRequests({ databaseUrl, client: dlo.temporal, office: "dead-letter-office", databaseId });
  // Nobody carries out what letters are asked.
  await stop();
  const first = answering();
  const [id] = await ask(world, { command: "note", letter_id: letter.id, options: { text: "later" } });
  const row = async () =>
    (await world.sql`select state, lease_until > now() as leased from dlo.requests where id = ${id!}`)[0];
  await until(async () => (await row())!["leased"] === true);
  await first.close();
  expect(await row()).toEqual({ state: "working", leased: false });
  const stopAgain = await openFaultyOffice(world, {});
  const second = answering();
  const [done] = await answered(world, id!);
  expect(done).toMatchObject({ state: "done" });
  expect(await eventsOf(world, id!)).toEqual(["noted"]);
  await second.close();
  await stopAgain();
});

test("an answer that comes too late is not written over another's", async () => {
  const { db, close } = openDatabase(office.databaseUrl, { connections: 2 });
  const { answerRequest, claimRequests } = await import("../../schema/answer-requests.ts");
  await office.sql`insert into dlo.requests (namespace, command) values ('late', 'note'), ('late', 'retry')`;
  const claim = async (leaseMs: number) => await claimRequests(db, "late", { rows: 1, leaseMs });
  const [slow] = await claim(0);
  const [[quick], [next]] = [await claim(60_000), await claim(60_000)];
  expect([slow!.id === quick!.id, next!.command]).toEqual([true, "retry"]);
  expect(await claim(60_000)).toEqual([]);
  expect(await answerRequest(db, slow!, { state: "done", answer: "slow" })).toBe("stale");
  const odd = { state: "refused", code: "USAGE", answer: "NUL \0 and half \ud800" } as const;
  expect(await answerRequest(db, quick!, odd)).toBe("written");
  expect(await answerRequest(db, quick!, odd)).toBe("stale");
  const [row] = await office.sql`select state, code, answer from dlo.requests where id = ${quick!.id}`;
  expect(row).toEqual({ state: "refused", code: "USAGE", answer: "NUL ␀ and half \ufffd" });
  await close();
});

test("the statements of the page run", async () => {
  const blocks = (await blocksOf("docs/requests.md")).filter(({ language }) => language === "sql");
  expect(blocks).toHaveLength(4);
  const alone = postgres(office.databaseUrl, { max: 1, onnotice: () => undefined });
  for (const { text } of blocks) await alone.unsafe(text);
  await alone.end();
});

/** Puts answered requests back to where a crash leaves them: done, and nobody said so. */
async function fallBack({ sql }: World, ...ids: readonly string[]): Promise<void> {
  await sql`
    update dlo.requests set state = 'working', lease_until = now() - interval '1 minute', answered_at = null, answer = null, redrive_id = null
    where id = any(${[...ids]}::bigint[])`;
}

/** A client whose updates are carried out, but whose answers are lost. */
function speechless(client: Client): Client {
  const workflow = new Proxy(client.workflow, {
    get(target, property) {
      if (property !== "getHandle") return Reflect.get(target, property) as unknown;
      return (id: string) => {
        const handle = target.getHandle(id);
        return {
          executeUpdate: async (...given: Parameters<typeof handle.executeUpdate>) => {
            await handle.executeUpdate(...given);
            throw new Error("it was done, and nobody heard");
          },
        };
      };
    },
  });
  return new Proxy(client, {
    get: (target, property) => (property === "workflow" ? workflow : (Reflect.get(target, property) as unknown)),
  });
}
