import { randomUUID } from "node:crypto";
import { type Db, openDatabase } from "../schema/database.ts";
import { foldCounts } from "../schema/fold-counts.ts";
import { parkDeath } from "../schema/park-death.ts";
import { sequenceEvents } from "../schema/sequence-events.ts";
import { causeNamed, deathOf } from "../test/schema/deaths.ts";
import { startClerk } from "../worker/clerk.ts";
import { openBenchPostgres } from "./bench-postgres.ts";
import { median } from "./measure.ts";
import { markdownTable } from "./results-file.ts";

// What the event stream and the folding of counts cost those who die: deaths a second while an office's clerk is at work in
// the same process, as a ratio to those without one. The rounds are interleaved, and each figure is divided by the mean of the
// runs without before and after it. Run it with `node --import tsx bench/events.ts`.

const runMs = 5_000;
const rounds = 5;

await using server = await openBenchPostgres();
const { url } = await server.database("events");
const rows: string[][] = [];
for (const connections of [10, 50]) {
  await using database = openDatabase(url, { connections });
  await deathsPerSecond(database.db, connections);
  await catchUp(database.db);
  const ratios: number[] = [];
  const rates: number[] = [];
  let before = await without(database.db, connections);
  for (let round = 1; round <= rounds; round++) {
    const rate = await withClerk(database.db, connections);
    const after = await without(database.db, connections);
    ratios.push(rate / ((before + after) / 2));
    rates.push(rate);
    console.log(
      `${connections} connections, round ${round} of ${rounds}: ${rate.toFixed(0)}/s, ratio ${ratios.at(-1)!.toFixed(2)}`,
    );
    before = after;
  }
  const sorted = ratios.toSorted((one, two) => one - two);
  rows.push([
    String(connections),
    median(ratios).toFixed(2),
    `${sorted[0]!.toFixed(2)} to ${sorted.at(-1)!.toFixed(2)}`,
    "0.90",
    median(rates).toFixed(0),
  ]);
}
console.log(
  `\n${markdownTable(["connections", "ratio to no clerk", `of ${rounds} rounds`, "asked", "deaths a second"], rows)}\n`,
);

async function without(db: Db, connections: number): Promise<number> {
  const rate = await deathsPerSecond(db, connections);
  await catchUp(db);
  return rate;
}

async function withClerk(db: Db, connections: number): Promise<number> {
  const clerk = startClerk(url);
  const rate = await deathsPerSecond(db, connections);
  await clerk.close();
  await catchUp(db);
  return rate;
}

/** One transaction a death; fifty causes, twenty jobs. */
async function deathsPerSecond(db: Db, connections: number): Promise<number> {
  const began = performance.now();
  let died = 0;
  await Promise.all(
    Array.from({ length: connections }, async () => {
      for (; performance.now() - began < runMs; died++) {
        const id = randomUUID();
        await parkDeath(
          db,
          deathOf(id, { job: `job ${died % 20}`, cause: causeNamed(`cause ${died % 50}`), diedAtMs: Date.now() }),
        );
      }
    }),
  );
  return died / ((performance.now() - began) / 1000);
}

/** What a run left is nobody else's work. */
async function catchUp(db: Db): Promise<void> {
  while ((await sequenceEvents(db)).numbered > 0);
  while ((await foldCounts(db)) > 0);
}
