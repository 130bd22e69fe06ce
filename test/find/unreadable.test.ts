import { expect, test } from "vitest";
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
