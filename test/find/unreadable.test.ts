import { buffer } from "node:stream/consumers";
import { expect, test } from "vitest";
import { openReader } from "../../client/reader.ts";
import { parseFilter } from "../../model/filter-line.ts";
import { countLetters } from "../../schema/count-letters.ts";
import { listLetters } from "../../schema/list-letters.ts";
import { parkDeath } from "../../schema/park-death.ts";
import { deathOf } from "../schema/deaths.ts";
import { testDatabase } from "../setup/postgres.ts";

test("where no payload can be read, filters by payload say so; where some can, they answer", async () => {
  const { db } = await testDatabase();
  const filter = parseFilter("payload.title=1959");
  // Nobody has died, so nobody is missed.
  expect(await listLetters(db, filter)).toEqual({ letters: [], complete: true });
  await parkDeath(db, deathOf("encrypted", { payload: null }));
  // Neither is it known what they do not have.
  for (const line of ["payload.title=1959", "-payload.title=1959", "status:open payload.title"])
    for (const ask of [listLetters, countLetters])
      await expect(ask(db, parseFilter(line))).rejects.toMatchObject({
        code: "USAGE",
        message: expect.stringContaining("a codec encrypts them, or their queues store none") as string,
      });
  expect(await countLetters(db, parseFilter("job:import-movie"))).toEqual({ count: 1, exact: true });
  await parkDeath(db, deathOf("readable"));
  expect((await listLetters(db, parseFilter("-payload.title=1959"))).letters).toMatchObject([
    { workflowId: "readable" },
  ]);
  expect(await listLetters(db, filter)).toEqual({ letters: [], complete: true });
  expect(await countLetters(db, filter)).toEqual({ count: 0, exact: true });
});

test("causes, stats, an export, and whoever follows events are refused, too", async () => {
  const { db, url } = await testDatabase();
  await using reader = openReader({ databaseUrl: url });
  const ways: ((line: string) => Promise<unknown>)[] = [
    async (line) => await reader.causes.list(line),
    async (line) => await reader.stats(line),
    async (line) => await reader.stats(line, { by: "job", since: "2020-01-01" }),
    async (line) => await reader.stats(line, { by: "any-error", since: "2020-01-01" }),
    async (line) => await reader.stats(line, { by: "day" }),
    async (line) => await reader.stats(line, { by: "hour-of-day" }),
    async (line) => await buffer(reader.export(line)),
    async (line) => await buffer(reader.export(line, { format: "csv" })),
    async (line) => await buffer(reader.export(line, { format: "parquet" })),
    async (line) => await reader.events.list({ filter: line }),
  ];
  const follow = async (line: string) => {
    const events = reader.events.subscribe({ filter: line, after: 0, signal: AbortSignal.timeout(60_000) });
    return await events.next();
  };
  const filter = "payload.title=1959";
  for (const ask of ways) await ask(filter);
  await parkDeath(db, deathOf("encrypted", { payload: null }));
  for (const ask of [...ways, follow])
    for (const line of [filter, `-${filter}`])
      await expect(ask(line)).rejects.toMatchObject({
        code: "USAGE",
        message: expect.stringContaining("a codec encrypts them, or their queues store none") as string,
      });
  for (const ask of ways) await ask("job:import-movie");
  await parkDeath(db, deathOf("readable"));
  for (const ask of ways) await ask(filter);
});
