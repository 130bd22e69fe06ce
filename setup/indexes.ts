import { setTimeout as pause } from "node:timers/promises";
import { officeErrorOf, usage } from "../model/office-error.ts";
import { type OpenDatabase, openDatabase } from "../schema/database.ts";
import { type IndexSwitch, indexSwitch, type SwitchedIndex, switchedIndexes } from "../schema/index-switches.ts";
import { describeTarget, sqlStateOf, translateError } from "../schema/translate-error.ts";
import { buildState, watchBuild } from "./watch-build.ts";

export type IndexesAsked = {
  /** Names of switches to have. */
  readonly on?: readonly string[];
  /** Names of switches to do without. */
  readonly off?: readonly string[];
};

export type IndexesOutcome = {
  /** All that are on now. */
  readonly on: readonly string[];
  readonly built: readonly string[];
  readonly dropped: readonly string[];
};

/**
 * Switches indexes on and off while the office works: they are built and dropped `concurrently`. What is as asked stays as it
 * is; what an interrupted build has left is dropped, and built anew. Safe to run again, and from several places at once: the
 * others wait.
 *
 * Postgres goes on with a build when the one who asked for it is gone; who asks again meanwhile waits for it.
 *
 * @throws {OfficeError} `USAGE` for what cannot be meant, before anything is done; `DATABASE_ERROR`, `DATABASE_UNREACHABLE`
 */
export async function switchIndexes(
  url: string,
  asked: IndexesAsked,
  progress: (line: string) => void = () => undefined,
): Promise<IndexesOutcome> {
  const { wanted, unwanted } = readSwitches(asked);
  // The client `sql` builds, on one connection, as the lock is the connection's; `db` watches.
  await using database = openDatabase(url, { connections: 1 });
  const [built, dropped]: [string[], string[]] = [[], []];
  try {
    if (wanted.length + unwanted.length > 0) {
      await becomeOnlyBuilder(database, progress);
      for (const { name, indexes } of unwanted) if (await dropAll(database, indexes, progress)) dropped.push(name);
      for (const { name, indexes } of wanted) if (await buildAll(database, indexes, progress)) built.push(name);
      // What is in an expression is counted from here on: without, the planner guesses.
      if (built.length > 0) await database.sql`analyze dlo.dead_letters`;
    }
    return { on: await switchedOn(database), built, dropped };
  } catch (error) {
    throw explained(error, url);
  }
}

/**
 * What is asked for, read and checked.
 *
 * @throws {OfficeError} `USAGE`
 */
export function readSwitches({ on = [], off = [] }: IndexesAsked): {
  wanted: readonly IndexSwitch[];
  unwanted: readonly IndexSwitch[];
} {
  const [wanted, unwanted] = [on.map(indexSwitch), off.map(indexSwitch)];
  const both = wanted.find(({ name }) => unwanted.some((other) => other.name === name));
  if (both !== undefined) throw usage(`The index "${both.name}" is to be had and to be dropped: name it once`);
  return { wanted, unwanted };
}

/** The switches of which every index is in use. */
export async function switchedOn({ db }: OpenDatabase): Promise<readonly string[]> {
  const valid = (await switchedIndexes(db)).filter((index) => index.valid);
  return [...new Set(valid.map((index) => index.of))].filter((name) =>
    indexSwitch(name).indexes.every((index) => valid.some((one) => one.name === index.name)),
  );
}

/** Asks again and again: a session that waits in the lock would hold up the build that it waits for. */
async function becomeOnlyBuilder({ sql, db }: OpenDatabase, progress: (line: string) => void): Promise<void> {
  // A time limit of the role or the database is meant for questions.
  await sql`select set_config('statement_timeout', '0', false), set_config('lock_timeout', '0', false)`;
  let said: string | undefined;
  for (;;) {
    const [lock] = await sql<[{ taken: boolean }]>`
      select pg_try_advisory_lock(hashtextextended('dead-letter-office/indexes', 0)) as taken`;
    if (lock.taken) return;
    const state = (await buildState(db)) ?? "it is about to begin or end";
    if (state !== said) progress(`Another set-up is at the indexes, waiting for it: ${state}`);
    said = state;
    await pause(500);
  }
}

async function buildAll(
  database: OpenDatabase,
  indexes: readonly SwitchedIndex[],
  progress: (line: string) => void,
): Promise<boolean> {
  let built = false;
  for (const index of indexes) built = (await build(database, index, progress)) || built;
  return built;
}

async function build(
  { sql, db }: OpenDatabase,
  { name, definition }: SwitchedIndex,
  progress: (line: string) => void,
): Promise<boolean> {
  const known = (await switchedIndexes(db)).find((index) => index.name === name);
  if (known?.valid === true) return false;
  if (known !== undefined) {
    progress(`Dropping what an interrupted build has left of ${name}`);
    await drop(sql, name);
  }
  const [extension] = await sql<{ schema: string }[]>`
    select extnamespace::regnamespace::text as schema from pg_extension where extname = 'pg_trgm'`;
  progress(`Building ${name}. Letters are written and read meanwhile`);
  const stopWatching = watchBuild(db, (state) => progress(`${name}: ${state}`));
  try {
    await sql.unsafe(
      `create index concurrently ${name} on dlo.dead_letters ${definition(`${extension?.schema ?? "dlo"}.gin_trgm_ops`)}`,
    );
  } catch (error) {
    // It would be written to, and of no use.
    await drop(sql, name).catch(() => undefined);
    throw error;
  } finally {
    await stopWatching();
  }
  return true;
}

async function dropAll(
  { sql, db }: OpenDatabase,
  indexes: readonly SwitchedIndex[],
  progress: (line: string) => void,
): Promise<boolean> {
  const there = (await switchedIndexes(db)).filter(({ name }) => indexes.some((index) => index.name === name));
  for (const { name } of there) {
    progress(`Dropping ${name}`);
    await drop(sql, name);
  }
  return there.length > 0;
}

async function drop(sql: OpenDatabase["sql"], name: string): Promise<void> {
  await sql.unsafe(`drop index concurrently if exists dlo.${name}`);
}

/** What somebody can do about it, by appendix A of Postgres's manual. */
function explained(error: unknown, url: string): unknown {
  const target = describeTarget(url);
  const sqlState = sqlStateOf(error);
  const known = {
    "42501": `only the owner of dlo.dead_letters may build and drop its indexes, and ${new URL(url).username || "this user"} is another. Run it as the user that ran dlo setup at first`,
    "53100":
      "its disk is full. What was begun is dropped again. Make room (docs/speed.md says how much each takes) and run it again",
    "57014": "somebody cancelled it. Run it again",
    "40P01": "it got into a deadlock with another statement. Run it again",
  }[sqlState ?? ""];
  if (known === undefined) return translateError(error, target);
  return officeErrorOf("DATABASE_ERROR", `The indexes of ${target} were not all switched: ${known}`, { sqlState });
}
