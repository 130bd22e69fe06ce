import { parseArgs } from "node:util";
import { and, desc, sql as raw } from "drizzle-orm";
import postgres from "postgres";
import { type LetterReader, openReader } from "../client/reader.ts";
import type { Filter, LetterOrder } from "../model/filter.ts";
import { countedLetters } from "../schema/counted-letters.ts";
import { type OpenDatabase, openDatabase } from "../schema/database.ts";
import { filterConditions } from "../schema/filter-conditions.ts";
import { writeCursor } from "../schema/letter-orders.ts";
import { deadLetters } from "../schema/tables.ts";
import { switchIndexes } from "../setup/indexes.ts";
import { openBenchPostgres } from "./bench-postgres.ts";
import { measure, shownTimes, type Times } from "./measure.ts";
import { markdownTable, recordResults, replaceRows } from "./results-file.ts";
import { seedLetters } from "./seed-letters.ts";
import { seededJobs, seededQueues } from "./seeded-office.ts";

// How long questions take, and how that grows: `npm run bench:questions`. Each is asked as the client asks it, 30 times, mostly
// for something else each time; the figures are p50 / p95 in milliseconds, from the call to the answer.

const { values: flags } = parseArgs({
  options: {
    sizes: { type: "string", default: "10000,100000,1000000" },
    /** Keeps the data for the next run. */
    folder: { type: "string" },
    /** Only questions whose name has this: measured again, they take the place of their rows in RESULTS.md. */
    only: { type: "string" },
    /** Does not write to RESULTS.md. */
    dry: { type: "boolean", default: false },
  },
});
const sizes = flags.sizes.split(",").map(Number);
const switches = ["text", "payload", "payload.order.total"];

type Causes = readonly string[];
type Ask = (reader: LetterReader, run: number, causes: Causes) => Promise<unknown>;
type Question = {
  readonly name: string;
  /** Milliseconds that p95 may take at a million; null for what is only bounded. */
  readonly target: number | null;
  readonly switched: boolean;
  /** Readies what the runs need, such as a place in the list. */
  readonly prepare: (reader: LetterReader, causes: Causes) => Promise<(run: number) => Promise<unknown>>;
};
type Options = { readonly target?: number | null; readonly switched?: boolean; readonly order?: LetterOrder };
type FilterOfRun = (run: number, causes: Causes) => Filter;

const bounded = { target: null };
const switched = { switched: true };
const job = (run: number) => nth(seededJobs, run);
const queue = (run: number) => nth(seededQueues, run);
const cause = (run: number, causes: Causes) => nth(causes, run * 7);
const payload = (path: string, is: "=" | ">=", value: string | number) => ({
  payload: { path: path.split("."), is, value },
});

const questions: readonly Question[] = [
  ...pages("without a filter", () => ({})),
  ...pages("of a job", (run) => ({ job: job(run) })),
  ...pages("of a cause", (run, causes) => ({ cause: cause(run, causes) })),
  ...pages("recovered", () => ({ status: "recovered" })),
  ...pages("of a category", (run) => ({ category: nth(["network", "code", "auth"] as const, run) })),
  ...pages("of a job and a category", (run) => ({ job: job(run), category: "network" })),
  ...pages("of a queue and a reason", (run) => ({ queue: queue(run), reason: "timed_out" })),
  ...pages("expired, of an error type", () => ({ status: "expired", error: "RateLimited" })),
  ...pages("open", () => ({ status: "open" })),
  ...pages("open, of a job", (run) => ({ status: "open", job: job(run) })),
  ...pages("open, of a job, a category and a reason", (run) => ({
    ...{ status: "open", job: job(run), category: "network", reason: "exhausted" },
  })),
  page("open, of 2 queues, needs a person, not retried", () => ({
    ...{ status: "open", queue: ["payments", "mail"], needsPerson: true, retried: false },
  })),
  page("open, soonest to expire", () => ({ status: "open" }), { order: "expiring" }),
  page("open, most deaths, of a job", (run) => ({ status: "open", job: job(run) }), { order: "deaths" }),
  page("most deaths", () => ({}), { order: "deaths" }),
  page("oldest, of a job", (run) => ({ job: job(run) }), { order: "oldest" }),
  count("all", () => ({})),
  count("of a job", (run) => ({ job: job(run) })),
  count("open, of a job, a category and a reason", (run) => ({
    ...{ status: "open", job: job(run), category: "network", reason: "exhausted" },
  })),
  count("of 5 facets, one left out", (run) => ({
    ...{ job: job(run), category: ["network", "data"], status: "closed", retried: true, kind: "job" },
    not: { queue: "default" },
  })),
  ask("tiles: by queue, state and category", async (reader) => {
    return await opened(reader).db.execute(
      raw`select queue, status, category, sum(n) from ${countedLetters({ namespace: "default" }, new Date(), ["queue", "status", "category"])} group by 1, 2, 3`,
    );
  }),
  ask("causes with trend", async (reader) => await reader.causes.list()),
  ask("causes with trend, of a job", async (reader, run) => await reader.causes.list({ job: job(run) })),
  ask(
    "hours of 7 days, zone of +5:30",
    async (reader) => await reader.stats({}, { by: "hour", timeZone: "Asia/Kolkata" }),
  ),
  days("all", () => ({})),
  days("of a queue", (run) => ({ queue: queue(run) })),
  days("of a job", (run) => ({ job: job(run) })),
  days("of a cause", (run, causes) => ({ cause: cause(run, causes) })),
  ask("all numbers of stats, of 7 days", async (reader) => await reader.stats(), bounded),
  page("text, open: rare", (run) => ({ status: "open", text: `user${run * 3001 + 17}@` })),
  page("text, open: a word that most contain", () => ({ status: "open", text: "customer" }), { target: 100 }),
  page("text, all: rare", (run) => ({ text: `user${run * 331 + 17}@example` }), switched),
  page("text, all: a word that most contain", () => ({ text: "customer" }), switched),
  page("payload =, one", (run) => payload("customer.email", "=", `user${run * 331 + 17}@example.com`), switched),
  page("payload =, a third", () => payload("order.currency", "=", "EUR"), switched),
  ...[bounded, { ...bounded, ...switched }].flatMap((options) => [
    page("payload >=, half", () => payload("order.total", ">=", 600), options),
    page("payload >=, one in thousands", () => payload("order.total", ">=", 4999), options),
    page(
      "payload >=, one in thousands, open",
      () => ({ status: "open", ...payload("order.total", ">=", 4990) }),
      options,
    ),
  ]),
  page(
    "3 facets, closed, next to none",
    (run) => ({ job: job(run), category: "auth", status: "superseded", reason: "given_up" }),
    bounded,
  ),
  page("text without the switch, none", () => ({ text: "nobody wrote this" }), bounded),
  page("died 5 times or more, of a category", () => ({ deaths: { min: 5 }, category: "auth" }), bounded),
  page("of a tag, most deaths", () => ({ tag: "vip", retries: { min: 1 } }), { ...bounded, order: "deaths" }),
  ask("count: text without the switch", async (reader) => await reader.count({ text: "nobody wrote this" }), bounded),
];

let beside: OpenDatabase | undefined;

await using server = await openBenchPostgres(flags.folder);
const found = new Map<Question, Map<number, Times>>();
for (const size of sizes) await askAll(size);
report();

async function askAll(size: number): Promise<void> {
  const { url, fresh } = await server.database(`letters_${size}`);
  const sql = postgres(url, { max: 2, onnotice: () => undefined });
  if (fresh) await seedLetters(sql, size, { progress: console.log });
  const rows = await sql<{ id: string }[]>`
    select cause_id as id from dlo.letter_counts group by 1 order by sum(n) desc, 1 limit 210`;
  const causes = rows.map(({ id }) => id);
  await sql.end();
  // Temporal is never asked.
  await using reader = openReader({ databaseUrl: url, namespace: "default", address: "127.0.0.1:1" });
  for (const on of [false, true]) {
    const asked = questions.filter((one) => one.switched === on && one.name.includes(flags.only ?? ""));
    if (asked.length === 0) continue;
    await switchIndexes(url, on ? { on: switches } : { off: switches }, console.log);
    for (const question of asked) {
      const times = await measure(await question.prepare(reader, causes));
      console.log(`${size} ${shownName(question)}: ${shownTimes(times)}`);
      found.set(question, (found.get(question) ?? new Map<number, Times>()).set(size, times));
    }
  }
  await beside?.close();
  beside = undefined;
}

function ask(name: string, answer: Ask, { target = 50, switched: needs = false }: Options = {}): Question {
  return {
    name,
    target,
    switched: needs,
    prepare: async (reader, causes) => async (run) => await answer(reader, run, causes),
  };
}

function page(name: string, filter: FilterOfRun, options: Options = {}): Question {
  const { order = "newest" } = options;
  return ask(
    `page: ${name}`,
    async (reader, run, causes) => await reader.list(filter(run, causes), { order }),
    options,
  );
}

/** The first page, and the thousandth, or the last where there are fewer. */
function pages(name: string, filter: FilterOfRun): readonly Question[] {
  const thousandth: Question = {
    ...{ name: `page 1,000: ${name}`, target: 50, switched: false },
    async prepare(reader, causes) {
      const places: { readonly asked: Filter; readonly after: string }[] = [];
      for (const nthFilter of [0, 1, 2]) {
        const asked = filter(nthFilter, causes);
        places.push({ asked, after: await placeOfPage(reader, asked, 1000) });
      }
      return async (run) => {
        const { asked, after } = nth(places, run);
        return await reader.list(asked, { after });
      };
    },
  };
  return [page(name, filter), thousandth];
}

/** What `next` of the page before this one would be: going there page by page takes minutes. */
async function placeOfPage(reader: LetterReader, filter: Filter, nthPage: number): Promise<string> {
  const { db } = opened(reader);
  const { count: letters } = await reader.count(filter);
  const { id, failedAt } = deadLetters;
  const [last] = await db
    .select({ id, failedAt })
    .from(deadLetters)
    .where(and(...filterConditions(filter)))
    .orderBy(desc(failedAt), desc(id))
    .offset(Math.max(0, Math.min((nthPage - 1) * 50, letters - 50) - 1))
    .limit(1);
  if (last === undefined) throw new Error(`No letter has ${JSON.stringify(filter)}`);
  return writeCursor("newest", { ...last, deaths: 0, expiresAt: null });
}

/** The reader's database, for what the client does not offer. */
function opened({ target: { database } }: LetterReader): OpenDatabase {
  return (beside ??= openDatabase(database?.url ?? "", { connections: 1 }));
}

function count(name: string, filter: FilterOfRun): Question {
  return ask(`count: ${name}`, async (reader, run, causes) => {
    const { exact } = await reader.count(filter(run, causes));
    if (!exact) throw new Error(`The count "${name}" is not exact`);
  });
}

function days(name: string, filter: FilterOfRun): Question {
  const window = { since: "90 days", timeZone: "Europe/Berlin" } as const;
  return ask(
    `days of 90 days: ${name}`,
    async (reader, run, causes) => await reader.stats(filter(run, causes), { by: "day", ...window }),
  );
}

function nth<T>(values: readonly T[], n: number): T {
  const value = values[n % values.length];
  if (value === undefined) throw new Error("There is nothing to choose from");
  return value;
}

function report(): void {
  const rows = questions.flatMap((question) => {
    const times = found.get(question);
    if (times === undefined) return [];
    const [large, middle] = [times.get(1_000_000), times.get(100_000)];
    const growth = large === undefined || middle === undefined ? undefined : large.p50 / middle.p50;
    return [
      [
        shownName(question),
        ...sizes.map((size) => shownTimes(times.get(size)!)),
        growth?.toFixed(1) ?? "–",
        question.target === null ? "bounded" : `< ${question.target}`,
        large === undefined ? "–" : verdict(question, large, growth),
      ],
    ];
  });
  const table = markdownTable(
    ["question", ...sizes.map((size) => size.toLocaleString("en")), "growth", "asked", ""],
    rows,
  );
  console.log(`\n${table}\n`);
  const missed = rows.filter((row) => row.at(-1)?.startsWith("**")).length;
  console.log(missed === 0 ? "All targets are met." : `${missed} targets are missed.`);
  if (flags.dry) return;
  if (flags.only === undefined)
    recordResults("questions", "30 runs each, p50 / p95 in ms, default settings of Postgres", table);
  else replaceRows("questions", rows);
}

/** From 100,000 to a million at most 1.5 times, or too quick to matter. */
function verdict({ target }: Question, { p95 }: Times, growth: number | undefined): string {
  if (target === null) return "";
  const [quick, slowGrowth] = [p95 < target, growth === undefined || growth <= 1.5 || p95 <= 20];
  if (quick && slowGrowth) return "met";
  return `**${[...(quick ? [] : ["too slow"]), ...(slowGrowth ? [] : ["grows"])].join(", ")}**`;
}

function shownName({ name, switched: needs }: Question): string {
  return needs ? `${name} (switch on)` : name;
}
