import { DrizzleQueryError } from "drizzle-orm";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { inspect } from "node:util";
import { expect, test } from "vitest";
import { checkSchema } from "../../schema/check-schema.ts";
import type { Db } from "../../schema/database.ts";
import { openDatabase } from "../../schema/database.ts";
import { getLetter } from "../../schema/get-letter.ts";
import { listLetters } from "../../schema/list-letters.ts";
import { parkDeath } from "../../schema/park-death.ts";
import { describeTarget, translateError } from "../../schema/translate-error.ts";
import { migrateDatabase } from "../../setup/migrate.ts";
import { emptyDatabase, testDatabase } from "../setup/postgres.ts";
import { deathOf } from "./deaths.ts";

const secret = "s3cr3t-payload";

/** Everything of an error that could reach a log or Temporal's history. */
const allOf = (error: unknown) =>
  `${inspect(error, { depth: 10, showHidden: true })} ${JSON.stringify(error)} ${(error as Error).stack}`;

test("a refused statement tells its SQLSTATE and constraint, and nothing of what it carried", async () => {
  const { db } = await testDatabase();
  const death = deathOf(secret, { category: secret as never, payload: { secret }, payloadData: Buffer.from(secret) });
  const error: unknown = await parkDeath(db, death).catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({
    code: "DATABASE_ERROR",
    message:
      "Postgres refused a statement: SQLSTATE 23514, constraint dead_letters_category_known. Its log has the rest",
    details: { sqlState: "23514", constraint: "dead_letters_category_known" },
  });
  expect(allOf(error)).not.toContain(secret);
  expect((error as Error).cause).toBeUndefined();
});

test("what never reached the server tells as little", () => {
  const error = translateError(
    new DrizzleQueryError("insert …", [secret], new TypeError(`odd value ${secret}`)),
    "db:5432/app",
  );
  expect(error).toMatchObject({
    code: "DATABASE_ERROR",
    message: "A statement could not be sent to Postgres (TypeError)",
  });
  expect(allOf(error)).not.toContain(secret);
});

test("an error that is not the database's stays as it is", () => {
  const error = new RangeError("mine");
  expect(translateError(error, "db:5432/app")).toBe(error);
});

test.for([
  ["57P01", "it is shutting down"],
  ["53300", "it has no connection left to give"],
  ["08006", "the connection broke (08006)"],
  ["ECONNRESET", "the connection was reset"],
  ["CONNECTION_CLOSED", "the connection was closed"],
])("%s means that the database cannot be reached", ([code, why]) => {
  const cause = Object.assign(new Error(secret), { name: "PostgresError", code });
  const error = translateError(new DrizzleQueryError("select", [secret], cause), "db:5432/app");
  expect(error).toMatchObject({
    code: "DATABASE_UNREACHABLE",
    message: expect.stringContaining(`db:5432/app: ${why}`),
  });
  expect(allOf(error)).not.toContain(secret);
});

test("nobody listening, no such database and a wrong password all say where, without the password", async () => {
  const port = await freedPort();
  const url = new URL(await emptyDatabase());
  const at = (change: Partial<URL>) => Object.assign(new URL(url), change).href;
  const cases = [
    [at({ port: String(port) }), "the connection is refused"],
    [at({ pathname: "/nothing-here" }), "it has no database of that name"],
    [at({ password: secret }), "the password is wrong"],
  ] as const;
  for (const [target, why] of cases) {
    await using database = openDatabase(target);
    const expected = {
      code: "DATABASE_UNREACHABLE",
      message: expect.stringContaining(`${describeTarget(target)}: ${why}`),
    };
    const { db } = database;
    for (const work of [checkSchema, listLetters, (to: Db) => getLetter(to, "x"), () => migrateDatabase(target)]) {
      const error: unknown = await work(db).catch((thrown: unknown) => thrown);
      expect(error).toMatchObject(expected);
      expect(allOf(error)).not.toContain(secret);
    }
  }
});

test("a connection that is cut is made again by the next query", async () => {
  const { db, sql } = await testDatabase();
  await listLetters(db);
  await sql`select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()`;
  await expect.poll(() => listLetters(db).catch(() => "down")).toEqual({ letters: [], complete: true });
});

test("closing twice, or without having asked anything, is fine", async () => {
  const database = openDatabase("postgres://nobody@127.0.0.1:1/nothing");
  await database.close();
  await expect(database.close()).resolves.toBeUndefined();
});

async function freedPort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
