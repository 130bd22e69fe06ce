import { drizzle } from "drizzle-orm/postgres-js";
import postgres from "postgres";
import { afterAll, beforeAll, expect, test } from "vitest";
import { askStats, type RankingOptions } from "../../client/stats.ts";
import { foldCounts } from "../../schema/fold-counts.ts";
import { parkDeath } from "../../schema/park-death.ts";
import { testDatabase } from "../setup/postgres.ts";
import { causeNamed, deathOf } from "./deaths.ts";

// The plans of what has to be quick with a million letters: none reads a table of letters, deaths, attempts or events whole.

const { db, sql, url } = await testDatabase();
const statements: { query: string; params: unknown[] }[] = [];
const client = postgres(url, { max: 8 });
const watched = drizzle(client, {
  logger: { logQuery: (query, params) => void statements.push({ query, params }) },
});
const stats = askStats(() => watched, "default");

beforeAll(async () => {
  for (let i = 0; i < 80; i++)
    await parkDeath(
      db,
      deathOf(`job-${i}`, { diedAtMs: Date.now() - i * 86_400_000, cause: causeNamed(`cause ${i % 3}`) }),
    );
  await foldCounts(db);
  await sql`analyze`;
});

afterAll(async () => await client.end());

test("the tiles read the counts, and of the rows only what an index leads to", async () => {
  const plans = await plansOf(async () => await stats());
  const indexes = plans.flatMap((plan) =>
    [...plan.matchAll(/Index(?: Only)? Scan(?: Backward)? using (\w+)/g)].map(([, name]) => name),
  );
  for (const index of ["deaths_by_time", "dead_letters_closed", "events_signed", "dead_letters_open_newest"])
    expect(indexes).toContain(index);
  for (const plan of plans) expect(plan).not.toMatch(wholeTable);
});

test.for<[string, object]>([
  ["hours of 7 days", { by: "hour", timeZone: "Asia/Kolkata" }],
  ["days of 90 days", { by: "day", since: "90 days", timeZone: "Europe/Berlin" }],
  ["hours of the day", { by: "hour-of-day" }],
])("%s are found by time_counts_once, for all, one job, one queue or one cause", async ([, options]) => {
  for (const filter of [{}, { job: "import-movie" }, { queue: "default" }, { cause: causeNamed("cause 1").id }]) {
    const plans = await plansOf(async () => await stats(filter, options as never));
    expect(plans).toHaveLength(1);
    expect(plans[0]).toMatch(/Scan using time_counts_once on time_counts/);
    expect(plans[0]).toMatch(/Index Cond: .*dimension.*value.*bucket/);
    expect(plans[0]).not.toMatch(wholeTable);
  }
});

test.for(["job", "queue", "category", "reason", "cause", "any-error"] as const)(
  "a ranking by %s reads the counts alone, of its time",
  async (by) => {
    const [plan] = await plansOf(async () => await stats({}, { by } satisfies RankingOptions));
    expect(plan).toMatch(/Index Cond: .*dimension.*bucket/);
    expect(plan).not.toMatch(/ on (deaths|dead_letters|attempts|events)\b/);
  },
);

test("what the counts cannot tell is found by the time of the deaths", async () => {
  for (const [filter, by] of [
    [{ job: "import-movie", category: "data" }, "day"],
    [{}, "error"],
    [{ text: "not a string" }, "any-error"],
  ] as const) {
    const [plan] = await plansOf(async () => await stats(filter, { by } as never));
    expect(plan).toMatch(/Scan.* (using|on) deaths_by_time/);
  }
});

const wholeTable = /Seq Scan on (deaths|dead_letters|attempts|events|time_counts)\b/;

/** Few rows are soonest read whole, so only an index is left to the planner. */
async function plansOf(ask: () => Promise<unknown>): Promise<string[]> {
  statements.length = 0;
  await ask();
  const asked = statements.filter(({ query }) => !/^\s*set |set_config/i.test(query));
  return await sql.begin(async (tx) => {
    await tx`set local enable_seqscan = off`;
    await tx`set local enable_bitmapscan = off`;
    const plans: string[] = [];
    for (const { query, params } of asked) {
      const plan = await tx.unsafe<{ "QUERY PLAN": string }[]>(`explain ${query}`, params as string[]);
      plans.push(plan.map((row) => row["QUERY PLAN"]).join("\n"));
    }
    return plans;
  });
}
