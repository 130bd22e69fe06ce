import { sql } from "drizzle-orm";
import { expect, test } from "vitest";
import { openDatabase } from "../../schema/database.ts";
import { translatingErrors } from "../../schema/translate-error.ts";
import { testDatabase } from "../setup/postgres.ts";
import { until } from "../setup/world.ts";

const { url, sql: admin } = await testDatabase();

test("a transaction whose connection is cut fails like any other query, and others work after it", async () => {
  await using database = openDatabase(url, { connections: 1, part: "cut" });
  const { db } = database;
  const cut = async () => {
    await admin`select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'dead-letter-office cut'`;
  };
  for (const statement of ["select 1", "select pg_sleep(10)"]) {
    const work = translatingErrors(db, async () => {
      await db.transaction(async (tx) => {
        await tx.execute(sql`update dlo.office set last_position = 7`);
        const asked = tx.execute(sql.raw(statement));
        // Before its answer, or after it: then the next statement meets the loss.
        if (statement === "select 1") await asked;
        await Promise.all([asked, cut()]);
        await tx.execute(sql`select 2`);
      });
    });
    await expect(work).rejects.toMatchObject({ code: "DATABASE_UNREACHABLE" });
    // The connection that was lost may fail once more.
    let row: unknown;
    await until(async () => Boolean(([row] = await db.execute(sql`select last_position::int as n from dlo.office`))));
    expect(row).toEqual({ n: 0 });
  }
});

test("what a transaction's work throws by itself is rolled back, and comes out", async () => {
  await using database = openDatabase(url, { connections: 1 });
  const { db } = database;
  const work = db.transaction(async (tx) => {
    await tx.execute(sql`update dlo.office set last_position = 7`);
    throw new TypeError("no");
  });
  await expect(work).rejects.toThrow(TypeError);
  expect((await db.execute(sql`select last_position::int as n from dlo.office`))[0]).toEqual({ n: 0 });
});
