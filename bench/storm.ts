import { parseArgs } from "node:util";
import { openDatabase } from "../schema/database.ts";
import { foldCounts } from "../schema/fold-counts.ts";
import { parkDeath } from "../schema/park-death.ts";
import { causeNamed, deathOf } from "../test/schema/deaths.ts";
import { openBenchPostgres } from "./bench-postgres.ts";
import { median } from "./measure.ts";
import { markdownTable, recordResults } from "./results-file.ts";

// Whether jobs that all die of one cause queue for something that they share: `npm run bench:storm`. The same deaths, once of
// one cause and once of fifty, by turns; each by the statement that the office runs.

const { values: flags } = parseArgs({
  options: {
    deaths: { type: "string", default: "3000" },
    rounds: { type: "string", default: "7" },
    folder: { type: "string" },
    dry: { type: "boolean", default: false },
  },
});
const deaths = Number(flags.deaths);
const rounds = Number(flags.rounds);
const connections = 50;
const asked = 0.9;

await using server = await openBenchPostgres(flags.folder);
await server.empty("storm");
const { url } = await server.database("storm");
await using database = openDatabase(url, { connections });
const { db } = database;

const one: number[] = [];
const fifty: number[] = [];
for (let round = 0; round <= rounds; round++) {
  // By turns who is first: what comes later finds larger tables.
  const order = round % 2 === 0 ? [1, connections] : [connections, 1];
  for (const causes of order) {
    const rate = await die(round, causes);
    if (round > 0) (causes === 1 ? one : fifty).push(rate);
  }
  while ((await foldCounts(db, 100_000)) > 0);
  if (round > 0)
    console.log(`round ${round}: one cause ${one.at(-1)?.toFixed(0)}, fifty ${fifty.at(-1)?.toFixed(0)} deaths/s`);
}
const ratio = median(one.map((rate, i) => rate / (fifty[i] ?? Number.NaN)));
const table = markdownTable(
  ["50 connections", "deaths/s", "ratio", "asked"],
  [
    ["of fifty causes", median(fifty).toFixed(0), "1", ""],
    ["of one cause", median(one).toFixed(0), ratio.toFixed(2), `≥ ${asked}: ${ratio >= asked ? "met" : "**missed**"}`],
  ],
);
console.log(`\n${table}\n`);
if (!flags.dry)
  recordResults(
    "storm",
    `medians of ${rounds} rounds by turns of ${deaths.toLocaleString("en")} deaths, each by parkDeath`,
    table,
  );

/** @returns deaths a second */
async function die(round: number, causes: number): Promise<number> {
  const all = Array.from({ length: deaths }, (_, n) =>
    deathOf(`storm/${round}/${causes}/${n}`, { cause: causeNamed(`cause ${n % causes} of ${causes}`) }),
  );
  let next = 0;
  const began = performance.now();
  await Promise.all(
    Array.from({ length: connections }, async () => {
      for (let death; (death = all[next++]) !== undefined;) await parkDeath(db, death);
    }),
  );
  return deaths / ((performance.now() - began) / 1000);
}
