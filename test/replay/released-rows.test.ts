import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import postgres from "postgres";
import { afterAll, expect, test } from "vitest";
import { openDatabase } from "../../schema/database.ts";
import { letterStory } from "../../schema/letter-story.ts";
import { listLetters } from "../../schema/list-letters.ts";
import { migrateDatabase } from "../../setup/migrate.ts";
import { emptyDatabase } from "../setup/postgres.ts";
import { loadRows, readRows, type ReleasedRows } from "./released-rows.ts";

// The record outlives the release that wrote it: what each release left in its tables is migrated and read.

const folder = join(import.meta.dirname, "../histories");
const files = readdirSync(folder).filter((file) => file.startsWith("rows-"));
const ends: (() => Promise<void>)[] = [];
afterAll(async () => await Promise.all(ends.map((end) => end())));

test.each(files)("%s is brought up to this release, and nothing of it is lost", async (file) => {
  const released = JSON.parse(readFileSync(join(folder, file), "utf8")) as ReleasedRows;
  const url = await emptyDatabase();
  const sql = postgres(url, { max: 1, onnotice: () => undefined });
  const database = openDatabase(url);
  ends.push(async () => await sql.end(), database.close);
  await loadRows(sql, released);
  await migrateDatabase(url);

  const after = await readRows(sql);
  for (const [table, rows] of Object.entries(released.tables)) expect(after.tables[table]).toHaveLength(rows.length);
  const { letters } = await listLetters(database.db);
  expect(letters).toHaveLength(released.tables["dead_letters"]?.length ?? 0);
  expect(new Set(letters.map(({ status }) => status))).toEqual(
    new Set(["parked", "recovered", "expired", "discarded", "superseded"]),
  );
  for (const { id, deaths } of letters) {
    const story = await letterStory(database.db, id);
    expect(story.deaths).toHaveLength(deaths);
    expect(story.events[0]).toMatchObject({ type: "parked" });
  }
});
