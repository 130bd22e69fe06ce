import { beforeEach, expect, test } from "vitest";
import { openDatabase } from "../../schema/database.ts";
import { parkDeath } from "../../schema/park-death.ts";
import { lastPosition, readEvents } from "../../schema/read-events.ts";
import { eventsChannel, sequenceEvents } from "../../schema/sequence-events.ts";
import { setCause } from "../../schema/set-cause.ts";
import { testDatabase } from "../setup/postgres.ts";
import { until } from "../setup/world.ts";
import { causeNamed, deathOf } from "./deaths.ts";

const { db, sql, url } = await testDatabase();

beforeEach(async () => {
  await sql`delete from dlo.events`;
  await sql`delete from dlo.dead_letters`;
  await sql`update dlo.office set last_position = 0`;
});

let deaths = 0;
const die = async (otherwise: Parameters<typeof deathOf>[1] = {}) =>
  (await parkDeath(db, deathOf(`job/${++deaths}`, otherwise))).letter;

/** Events by the thousand, as rows alone. */
async function write(events: number): Promise<void> {
  const { id } = await die();
  await sql`delete from dlo.events`;
  await sql`insert into dlo.events (letter_id, namespace, workflow_id, type) select ${id}, 'default', 'job', 'noted' from generate_series(1, ${events}::int)`;
}

async function numbers(): Promise<number[]> {
  return (await sql`select position from dlo.events where position is not null order by position`).map((row) =>
    Number(row["position"]),
  );
}

test("events get the next positions in batches, in the order of writing, and the last one is announced", async () => {
  const announced: string[] = [];
  const { unlisten } = await sql.listen(eventsChannel, (last) => void announced.push(last));
  await write(25);
  expect(await sequenceEvents(db, 10)).toEqual({ numbered: 10, last: 10 });
  expect(await sequenceEvents(db, 10)).toEqual({ numbered: 10, last: 20 });
  expect(await sequenceEvents(db, 10)).toEqual({ numbered: 5, last: 25 });
  expect(await sequenceEvents(db, 10)).toEqual({ numbered: 0 });
  await until(() => announced.length === 3);
  expect(announced).toEqual(["10", "20", "25"]);
  const rows = await sql`select id, position from dlo.events order by id`;
  expect(rows.map(({ position }) => Number(position))).toEqual(Array.from({ length: 25 }, (_, n) => n + 1));
  expect(await lastPosition(db)).toBe(25);
  await unlisten();
});

test("whoever numbers while another does gets nothing and waits for nothing; together they leave no gap", async () => {
  await write(300);
  const others = Array.from({ length: 4 }, () => openDatabase(url, { connections: 1 }));
  const counts = await Promise.all(
    others.map(async (other) => {
      let mine = 0;
      while ((await numbers()).length < 300) mine += (await sequenceEvents(other.db, 7)).numbered;
      return mine;
    }),
  );
  expect(counts.reduce((sum, n) => sum + n)).toBe(300);
  expect(await numbers()).toEqual(Array.from({ length: 300 }, (_, n) => n + 1));
  await Promise.all(others.map((other) => other.close()));
});

test("numbers go on after the newest events were pruned", async () => {
  await die();
  await sequenceEvents(db);
  const before = await lastPosition(db);
  await sql`delete from dlo.events`;
  await die();
  await sequenceEvents(db);
  expect((await numbers())[0]).toBe(before + 1);
  // What is gone is stepped over.
  expect((await readEvents(db, 0, 100)).events[0]).toMatchObject({ position: before + 1 });
});

test("a death of a resolved cause brings it back in the transaction that numbers it; its return is numbered next", async () => {
  const cause = causeNamed("comes back");
  await die({ cause, diedAtMs: Date.now() });
  await sequenceEvents(db);
  await setCause(db, cause.id, { type: "cause_resolved" }, { by: "ann" });
  await die({ cause, diedAtMs: Date.now() + 5 });
  const state = async () => (await sql`select state from dlo.causes where id = ${cause.id}`)[0]!["state"] as string;
  expect(await state()).toBe("resolved");
  const { last } = await sequenceEvents(db);
  expect(await state()).toBe("open");
  expect(await sequenceEvents(db)).toEqual({ numbered: 1, last: last! + 1 });
  const { events } = await readEvents(db, last!, 10);
  expect(events).toMatchObject([{ type: "cause_returned", causeId: cause.id, letterId: null, by: "office" }]);
});

test("of many events, the waiting ones and those after a position are found by their indexes", async () => {
  await write(20_000);
  while ((await sequenceEvents(db)).numbered > 0);
  await sql`vacuum analyze dlo.events`;
  const plan = async (query: string) =>
    (await sql.unsafe(`explain ${query}`)).map((row) => String(row["QUERY PLAN"])).join("\n");
  expect(await plan("select 1 from dlo.events where position is null limit 1")).toContain("events_without_position");
  expect(await plan("select id from dlo.events where position is null order by id limit 2000")).toContain(
    "events_without_position",
  );
  expect(await plan("select position from dlo.events where position > 15000 order by position limit 500")).toContain(
    "events_position",
  );
  expect(
    await plan("select * from dlo.events where position > 15000 and position <= 15500 order by position"),
  ).toContain("events_position");
});

test("a burst is numbered in no time, though the table is full of what was pruned and its statistics expect next to nothing", async () => {
  await sql`alter table dlo.events set (autovacuum_enabled = false)`;
  await write(20_000);
  await write(1);
  await sql`analyze dlo.events`;
  await write(20_000);
  // Each with each would take minutes.
  while ((await sequenceEvents(db)).numbered > 0);
  expect(await lastPosition(db)).toBe(20_000);
});
