import { randomUUID } from "node:crypto";
import fc from "fast-check";
import { beforeAll, beforeEach, describe, expect, test } from "vitest";
import { causesOf, type Causes } from "../../client/causes.ts";
import type { CauseRef } from "../../model/ledger.ts";
import { foldCounts } from "../../schema/fold-counts.ts";
import { parkDeath, type ParkedDeath } from "../../schema/park-death.ts";
import { recordRetryDeath } from "../../schema/record-death.ts";
import { sequenceEvents } from "../../schema/sequence-events.ts";
import { setCause } from "../../schema/set-cause.ts";
import { type NumberedDeath, wakeCauses } from "../../schema/wake-causes.ts";
import { type TestDatabase, testDatabase } from "../setup/postgres.ts";
import { causeNamed, deathOf } from "./deaths.ts";

let database: TestDatabase;
let causes: Causes;
beforeAll(async () => {
  database = await testDatabase();
  causes = causesOf({ database: () => database.db, namespace: "default", identity: "tester" });
});
beforeEach(empty);

async function empty(): Promise<void> {
  await database.sql`truncate dlo.dead_letters, dlo.deaths, dlo.attempts, dlo.events, dlo.causes, dlo.letter_counts, dlo.cause_counts, dlo.queue_counts, dlo.letter_deltas,
    dlo.time_counts, dlo.death_deltas, dlo.attempt_deltas, dlo.cause_builds`;
}

const hourMs = 3_600_000;
let jobs = 0;

/** A job that died of this cause, as the office records it. */
async function die(cause: CauseRef, otherwise: Partial<ParkedDeath> = {}): Promise<string> {
  const { letter } = await parkDeath(database.db, {
    ...deathOf(`job-${jobs++}`),
    runId: randomUUID(),
    diedAtMs: Date.now(),
    cause,
    ...otherwise,
  });
  return letter.id;
}

/** What the office's clerk does. */
async function clerk(): Promise<void> {
  while ((await sequenceEvents(database.db)).numbered > 0);
  while ((await foldCounts(database.db)) > 0);
}

const titles = (page: { causes: readonly { title: string }[] }) => page.causes.map(({ title }) => title);
const [refused, noTitle, full] = ["connection refused", "no title", "disk full"].map(causeNamed) as [
  CauseRef,
  CauseRef,
  CauseRef,
];

describe("the list", () => {
  test("has everything of a cause, before and after the counts are folded", async () => {
    const nowMs = Date.now();
    await die(refused, { diedAtMs: nowMs - 30 * hourMs, buildId: "v1", job: "import-movie" });
    await die(refused, { diedAtMs: nowMs - 2 * hourMs, buildId: "v2", job: "import-movie" });
    const newest = await die(refused, { diedAtMs: nowMs, job: "charge-card" });
    await die(noTitle, { diedAtMs: nowMs });
    await causes.assign(refused.id, { owner: "ann", by: "bob" });
    await causes.note(refused.id, { text: "the gateway's fault" });
    const seen = async () => {
      const { causes: listed, exact, next } = await causes.list();
      expect({ exact, next }).toEqual({ exact: true, next: undefined });
      return listed;
    };
    const unfolded = await seen();
    expect(unfolded[0]).toMatchObject({
      id: refused.id,
      title: "connection refused",
      state: "open",
      returned: null,
      owner: "ann",
      note: "the gateway's fault",
      letters: 3,
      open: 3,
      deaths: 3,
      firstSeenAt: new Date(nowMs - 30 * hourMs),
      lastSeenAt: new Date(nowMs),
      sampleLetterId: newest,
      jobs: [
        { job: "import-movie", letters: 2, open: 2 },
        { job: "charge-card", letters: 1, open: 1 },
      ],
    });
    expect(unfolded[0]!.builds.map(({ build, deaths }) => [build, deaths])).toEqual([
      [null, 1],
      ["v2", 1],
      ["v1", 1],
    ]);
    const { trend } = unfolded[0]!;
    expect(trend).toHaveLength(24);
    // A quarter may have begun between the deaths and the look at them.
    expect(trend.reduce((sum, n) => sum + n)).toBe(2);
    expect(trend.slice(-2).reduce((sum, n) => sum + n)).toBe(1);
    await clerk();
    expect((await database.sql`select from dlo.death_deltas`).length).toBe(0);
    expect(await seen()).toEqual(unfolded);
  });

  test("is ordered and paged by what was asked", async () => {
    const nowMs = Date.now();
    for (const [cause, n, agoMs] of [
      [refused, 1, 3],
      [noTitle, 3, 1],
      [full, 2, 2],
    ] as const)
      for (let i = 0; i < n; i++) await die(cause, { diedAtMs: nowMs - agoMs * hourMs });
    const ordered = async (order: "open" | "deaths" | "last-seen" | "first-seen") => {
      const found: string[] = [];
      for (let after: string | undefined; ;) {
        const page = await causes.list({}, { order, limit: 1, ...(after === undefined ? {} : { after }) });
        found.push(...titles(page));
        if (page.next === undefined) return found;
        after = page.next;
      }
    };
    expect(await ordered("open")).toEqual(["no title", "disk full", "connection refused"]);
    expect(await ordered("deaths")).toEqual(["no title", "disk full", "connection refused"]);
    expect(await ordered("last-seen")).toEqual(["no title", "disk full", "connection refused"]);
    await die(refused, { diedAtMs: nowMs });
    expect(await ordered("last-seen")).toEqual(["connection refused", "no title", "disk full"]);
    expect(await ordered("first-seen")).toEqual(["no title", "disk full", "connection refused"]);
  });

  test("shows the state that was asked for; one that is ignored for a time that has passed is open", async () => {
    for (const cause of [refused, noTitle, full]) await die(cause);
    await causes.resolve(noTitle.id);
    await causes.ignore(full.id, { until: "1 hour" });
    const inState = async (state: "open" | "resolved" | "ignored" | "all") =>
      titles(await causes.list("", { state })).toSorted();
    expect(await inState("open")).toEqual(["connection refused"]);
    expect(await inState("resolved")).toEqual(["no title"]);
    expect(await inState("ignored")).toEqual(["disk full"]);
    await database.sql`update dlo.causes set ignored_until = now() where id = ${full.id}`;
    expect(await inState("open")).toEqual(["connection refused", "disk full"]);
    expect(await inState("ignored")).toEqual([]);
    expect(await inState("all")).toHaveLength(3);
    expect(await causes.get(full.id)).toMatchObject({ state: "open", returned: null });
  });

  test("counts the letters that fit, by facets as by what is none", async () => {
    const anyLetter = fc.record({
      cause: fc.constantFrom(refused, noTitle, full),
      job: fc.constantFrom("import-movie", "charge-card"),
      queue: fc.constantFrom("default", "slow"),
      namespace: fc.constantFrom("default", "other"),
      tags: fc.subarray(["vip", "batch"]),
      year: fc.integer({ min: 1950, max: 1960 }),
      folded: fc.boolean(),
    });
    const anyFilter = fc.constantFrom(
      {},
      { job: "import-movie" },
      { job: "*-card", not: { queue: "slow" } },
      { status: "open" as const, queue: ["slow", "default"] },
      { namespace: "other" },
      { tag: "vip" },
      { tag: "batch", status: "open" as const },
      { payload: { path: ["year"], is: ">=" as const, value: 1955 }, job: "import-movie" },
      { cause: refused.id.slice(0, 8) },
    );
    await fc.assert(
      fc.asyncProperty(fc.array(anyLetter, { maxLength: 12 }), anyFilter, async (letters, filter) => {
        await empty();
        for (const { folded, year, cause, ...letter } of letters) {
          await die(cause, { ...letter, payload: { year } });
          if (folded) await foldCounts(database.db, 1);
        }
        const fits = letters.filter(
          ({ job, queue, namespace, tags, year, cause }) =>
            namespace === ("namespace" in filter ? filter.namespace : "default") &&
            (!("job" in filter) || (filter.job.startsWith("*") ? job === "charge-card" : job === filter.job)) &&
            !("not" in filter && queue === "slow") &&
            (!("tag" in filter) || tags.includes(filter.tag as never)) &&
            (!("payload" in filter) || year >= 1955) &&
            (!("cause" in filter) || cause === refused),
        );
        const page = await causes.list(filter);
        expect(page.exact).toBe(true);
        const counted = page.causes.map(({ title, letters, open, jobs }) => [title, letters, open, jobs]);
        const expected = [refused, noTitle, full].flatMap((cause) => {
          const own = fits.filter((letter) => letter.cause === cause);
          const jobsOf = ["charge-card", "import-movie"].map((job) => ({
            job,
            n: own.filter((letter) => letter.job === job).length,
          }));
          const jobs = jobsOf
            .filter(({ n }) => n > 0)
            .toSorted((one, other) => other.n - one.n)
            .map(({ job, n }) => ({ job, letters: n, open: n }));
          return own.length === 0 ? [] : [[cause.title, own.length, own.length, jobs]];
        });
        expect(counted).toHaveLength(expected.length);
        expect(counted).toEqual(expect.arrayContaining(expected));
        for (const { id, sampleLetterId } of page.causes) {
          const [sample] = await database.sql`select cause_id from dlo.dead_letters where id = ${sampleLetterId}`;
          expect(sample).toEqual({ cause_id: id });
        }
      }),
      { numRuns: 25 },
    );
  });

  test("says where it has not read to the end", async () => {
    await die(refused, { tags: ["vip"] });
    const columns = await database.sql<{ column_name: string }[]>`
      select column_name from information_schema.columns where table_schema = 'dlo' and table_name = 'dead_letters'
        and column_name not in ('id', 'status', 'closed_at', 'expires_at', 'failed_at')`;
    const names = columns.map(({ column_name }) => column_name).join(", ");
    await database.sql.unsafe(
      `insert into dlo.dead_letters (id, status, closed_at, failed_at, ${names})
       select gen_random_uuid(), 'recovered', now(), failed_at + n * interval '1 ms', ${names} from dlo.dead_letters, generate_series(1, 20000) n`,
    );
    const [all] = (await causes.list("tag:vip")).causes;
    expect(await causes.list("tag:vip")).toMatchObject({ exact: false, causes: [{ letters: 20_000, open: 0 }] });
    expect(all!.jobs).toEqual([{ job: "import-movie", letters: 20_000, open: 0 }]);
    expect(await causes.list("tag:vip status:open")).toMatchObject({ exact: true, causes: [{ letters: 1, open: 1 }] });
    expect(await causes.list("status:recovered")).toMatchObject({ exact: true, causes: [{ letters: 20_000 }] });
    expect(await causes.list("tag:none")).toMatchObject({ exact: false, causes: [] });
    expect(await causes.list("tag:none failed:>1000d")).toMatchObject({ exact: true, causes: [] });
  });

  test("takes no order, state, place or filter that it does not know", async () => {
    await expect(causes.list({}, { order: "opne" as never })).rejects.toThrow('Did you mean "open"?');
    await expect(causes.list({}, { state: "ignore" as never })).rejects.toThrow('Did you mean "ignored"?');
    await expect(causes.list({}, { after: "x" })).rejects.toThrow('"x" is no place in the list');
    await expect(causes.list({}, { limit: 0 })).rejects.toThrow("limit must be a whole number from 1 to 1000");
    await expect(causes.list("jobs:x")).rejects.toMatchObject({ code: "USAGE" });
  });
});

describe("a cause", () => {
  test("is found by the beginning of its id", async () => {
    await die(refused);
    const alike = { ...noTitle, id: `${refused.id.slice(0, 6)}00-0000-8000-8000-000000000000` };
    await die(alike);
    expect((await causes.get(refused.id.slice(0, 8))).id).toBe(refused.id);
    await expect(causes.get(refused.id.slice(0, 5))).rejects.toMatchObject({
      code: "CAUSE_AMBIGUOUS",
      details: { matches: [refused.id, alike.id].toSorted() },
    });
    await expect(causes.get("ffff")).rejects.toMatchObject({ code: "CAUSE_NOT_FOUND" });
    await expect(causes.get("x'; drop table dlo.causes")).rejects.toMatchObject({ code: "CAUSE_NOT_FOUND" });
  });

  test("takes what people say of it, and tells who said it and why", async () => {
    await die(refused);
    const id = refused.id;
    await causes.assign(id, { owner: "ann", by: "bob", reason: "she knows the gateway" });
    await causes.note(id, { text: "see the runbook" });
    await causes.rename(id, { title: "The gateway is down" });
    await causes.ignore(id, { rate: { deaths: 10, within: "1 hour" } });
    expect(await causes.get(id)).toMatchObject({ state: "ignored", ignoredDeaths: 10, ignoredRateMs: hourMs });
    await causes.resolve(id, { inBuild: "v2", reason: "new pool" });
    const resolved = await causes.get(id);
    expect(resolved).toMatchObject({
      title: "The gateway is down",
      state: "resolved",
      stateBy: "tester",
      stateReason: "new pool",
      resolvedInBuild: "v2",
      ignoredDeaths: null,
      owner: "ann",
      note: "see the runbook",
    });
    expect(await causes.reopen(id)).toMatchObject({ state: "open", resolvedInBuild: null });
    await causes.note(id, { text: "" });
    const { owner, note, events } = await causes.assign(id, { owner: null });
    expect({ owner, note }).toEqual({ owner: null, note: null });
    expect(
      events.map(({ type, by, reason, data, letterId }) => ({ type, by, reason, data, letterId })).slice(1),
    ).toEqual([
      {
        type: "cause_assigned",
        by: "bob",
        reason: "she knows the gateway",
        data: said({ owner: "ann", was: null }),
        letterId: null,
      },
      { type: "cause_noted", by: "tester", reason: null, data: said({ text: "see the runbook" }), letterId: null },
      {
        type: "cause_renamed",
        by: "tester",
        reason: null,
        data: { title: "The gateway is down", was: "connection refused" },
        letterId: null,
      },
      {
        type: "cause_ignored",
        by: "tester",
        reason: null,
        data: named({ was: "open", deaths: 10, withinMs: hourMs }),
        letterId: null,
      },
      {
        type: "cause_resolved",
        by: "tester",
        reason: "new pool",
        data: named({ was: "ignored", inBuild: "v2" }),
        letterId: null,
      },
      { type: "cause_reopened", by: "tester", reason: null, data: named({ was: "resolved" }), letterId: null },
      { type: "cause_noted", by: "tester", reason: null, data: named({ text: "" }), letterId: null },
      { type: "cause_assigned", by: "tester", reason: null, data: named({ owner: null, was: "ann" }), letterId: null },
    ]);
  });

  test("carries out a request once, also where it is asked twice at once", async () => {
    await die(refused);
    const change = { type: "cause_noted", text: "once" } as const;
    const repeat = async () => await setCause(database.db, refused.id, change, { by: "ann", requestId: "r1" });
    expect((await Promise.all([repeat(), repeat(), repeat(), repeat()])).toSorted()).toEqual([
      "repeated",
      "repeated",
      "repeated",
      "written",
    ]);
    await causes.reopen(refused.id, { requestId: "r2" });
    expect((await causes.get(refused.id)).events.filter(({ type }) => type === "cause_noted")).toHaveLength(1);
  });

  test("takes no rule that cannot be meant, and no text that Postgres refuses as it is", async () => {
    await die(refused);
    const { id } = refused;
    const refusals: [() => Promise<unknown>, string][] = [
      [() => causes.ignore(id, { until: "2 days", deaths: 3 } as never), "by one rule"],
      [() => causes.ignore(id, { until: new Date(0) }), "until must be a time to come"],
      [() => causes.ignore(id, { until: "2" as never }), "the unit is missing"],
      [() => causes.ignore(id, { deaths: 0 }), "deaths must be a whole number from 1 to 100000"],
      [() => causes.ignore(id, { rate: { deaths: 3 } as never }), "Expected rate.within to be a duration"],
      [() => causes.ignore(id, { rate: { deaths: 3, per: "1 h" } as never }), 'Unknown field "per"'],
      [() => causes.ignore(id, { untill: "2 days" } as never), 'Did you mean "until"?'],
      [() => causes.resolve(id, { build: "v1" } as never), 'Unknown field "build"'],
      [() => causes.rename(id, { title: " " }), "title must be a text"],
      [() => causes.note(id, {} as never), "text must be a text, got nothing"],
      [() => causes.reopen(id, { by: "x".repeat(1001) }), "by has 1001 characters"],
    ];
    for (const [refusal, why] of refusals)
      await expect(refusal()).rejects.toMatchObject({ code: "USAGE", message: expect.stringContaining(why) });
    expect(await causes.note(id, { text: "a\u0000b", by: "a\ud800" })).toMatchObject({ note: "a␀b" });
    expect((await causes.get(id)).state).toBe("open");
  });
});

const said = (data: object) => ({ title: "connection refused", ...data });
const named = (data: object) => ({ title: "The gateway is down", ...data });

describe("a cause that kills again", () => {
  const returns = async () =>
    await database.sql<{ cause_id: string; data: Record<string, unknown>; by: string; namespace: string }[]>`
      select cause_id, data, by, namespace from dlo.events where type = 'cause_returned' order by id`;
  const later = (n = 1) => Date.now() + n * 1000;

  test("after it was resolved is a regression, and says in which build", async () => {
    await die(refused, { buildId: "v1" });
    await clerk();
    await causes.resolve(refused.id, { inBuild: "v2", by: "ann" });
    await die(refused, { buildId: "v1", diedAtMs: later() });
    await clerk();
    expect(await returns()).toEqual([]);
    const letterId = await die(refused, { buildId: "v2", diedAtMs: later(2) });
    await clerk();
    const [event, ...others] = await returns();
    expect(others).toEqual([]);
    expect(event).toMatchObject({
      cause_id: refused.id,
      by: "office",
      namespace: "default",
      data: {
        why: "regression",
        build: "v2",
        resolvedInBuild: "v2",
        letterId,
        stateBy: "ann",
        title: "connection refused",
      },
    });
    const [cause] = (await causes.list()).causes;
    expect(cause).toMatchObject({ state: "open", returned: "regression", resolvedInBuild: null, stateBy: "office" });
    await die(refused, { buildId: "v2", diedAtMs: later(3) });
    await clerk();
    expect(await returns()).toHaveLength(1);
    expect(await causes.reopen(refused.id)).toMatchObject({ returned: null, returnedAt: null });
  });

  test("in a build that was not seen before, or in none, is later; in one that was seen dying of anything, it is not", async () => {
    await die(noTitle, { buildId: "v1" });
    await die(refused, { buildId: "v0" });
    await clerk();
    for (const [buildId, brings] of [
      ["v1", false],
      ["v0", false],
      ["v3", true],
      [undefined, true],
    ] as const) {
      await causes.resolve(refused.id, { inBuild: "v2" });
      const before = (await returns()).length;
      await die(refused, { diedAtMs: later(), ...(buildId === undefined ? {} : { buildId }) });
      await clerk();
      expect({ buildId, returns: (await returns()).length - before }).toEqual({ buildId, returns: brings ? 1 : 0 });
      if (!brings) await database.sql`update dlo.causes set state_at = state_at - interval '1 hour'`;
    }
  });

  test("does not return by a run that had died before it was resolved, and is told late", async () => {
    await die(refused);
    await causes.resolve(refused.id);
    await die(refused, { diedAtMs: Date.now() - hourMs });
    await clerk();
    expect(await returns()).toEqual([]);
    expect((await causes.get(refused.id)).state).toBe("resolved");
  });

  test("returns by a retry that dies as by a new letter", async () => {
    const letterId = await die(refused);
    await causes.resolve(refused.id);
    const again = { ...deathOf("job"), runId: randomUUID(), cause: refused, diedAtMs: later() };
    const [letter] = await database.sql`select workflow_id from dlo.dead_letters where id = ${letterId}`;
    await recordRetryDeath(database.db, {
      ...again,
      workflowId: (letter as { workflow_id: string }).workflow_id,
      letterId,
      revision: 3,
      expiresAtMs: null,
    });
    await clerk();
    expect(await returns()).toMatchObject([{ data: { why: "regression", letterId } }]);
  });

  test("is told once, however many offices number events at once", async () => {
    await die(refused);
    await clerk();
    await causes.resolve(refused.id);
    for (let i = 0; i < 20; i++) await die(refused, { diedAtMs: later(i) });
    const numbering = async () => {
      let all = 0;
      for (let numbered = 1; numbered > 0 || all < 21;) {
        numbered = (await sequenceEvents(database.db, 3)).numbered;
        all = (await database.sql`select from dlo.events where position is not null`).length;
      }
    };
    await Promise.all([numbering(), numbering(), numbering()]);
    expect(await returns()).toHaveLength(1);
  });

  test("is written to only when it returns", async () => {
    await die(refused);
    const version = async () => await database.sql`select xmin, ctid from dlo.causes`;
    const before = await version();
    for (let i = 0; i < 10; i++) await die(refused, { diedAtMs: later(i) });
    await clerk();
    expect(await version()).toEqual(before);
  });

  const stateOf = async ({ id }: CauseRef) => {
    const [row] = await database.sql<
      { state: string; state_at: Date }[]
    >`select state, state_at from dlo.causes where id = ${id}`;
    return row!;
  };

  test("wakes by its rule, as a small model says", async () => {
    type Step = { readonly afterMs: number; readonly number: boolean };
    const anyStep: fc.Arbitrary<Step> = fc.record({
      afterMs: fc.integer({ min: -2000, max: 6000 }),
      number: fc.boolean(),
    });
    const anyRule = fc.oneof(
      fc.constant({}),
      fc.record({ until: fc.integer({ min: 500, max: 8000 }) }),
      fc.record({ deaths: fc.integer({ min: 1, max: 5 }) }),
      fc.record({
        rate: fc.record({ deaths: fc.integer({ min: 1, max: 4 }), within: fc.integer({ min: 100, max: 3000 }) }),
      }),
    );
    await fc.assert(
      fc.asyncProperty(anyRule, fc.array(anyStep, { maxLength: 6 }), async (rule, steps) => {
        const cause = causeNamed(`dies of ${jobs++}`);
        await die(cause, { diedAtMs: Date.now() - hourMs });
        await causes.ignore(cause.id, ("until" in rule ? { until: "1 hour" } : rule) as never);
        const stateAtMs = (await stateOf(cause)).state_at.getTime();
        const untilMs = "until" in rule ? stateAtMs + rule.until : undefined;
        if (untilMs !== undefined)
          await database.sql`update dlo.causes set ignored_until = ${new Date(untilMs)} where id = ${cause.id}`;
        const waiting: NumberedDeath[] = [];
        const died: number[] = [];
        let awake = false;
        for (const { afterMs, number } of [...steps, { afterMs: -1, number: true }]) {
          const diedAtMs = stateAtMs + afterMs;
          const letterId = await die(cause, { diedAtMs, attempts: [] });
          waiting.push({
            causeId: cause.id,
            letterId,
            diedAt: new Date(diedAtMs),
            buildId: null,
            namespace: "default",
          });
          died.push(diedAtMs);
          if (!number) continue;
          const numbered = waiting.splice(0);
          const fresh = numbered.map(({ diedAt }) => diedAt.getTime()).filter((at) => at > stateAtMs);
          const woken = await database.db.transaction(async (tx) => await wakeCauses(tx, numbered));
          const counted = died.filter((at) => at > stateAtMs).toSorted((one, other) => one - other);
          const slept = !awake;
          if (slept && fresh.length > 0) {
            if ("until" in rule) awake = fresh.some((at) => at >= untilMs!);
            if ("deaths" in rule) awake = counted.length >= rule.deaths;
            if ("rate" in rule) {
              const { deaths, within } = rule.rate;
              const [from, to] = [Math.min(...fresh) - within, Math.max(...fresh) + within];
              const near = counted.filter((at) => at >= from && at <= to);
              awake = near.some((at, i) => i >= deaths - 1 && at - near[i - deaths + 1]! <= within);
            }
          }
          expect(woken).toBe(slept && awake ? 1 : 0);
          expect((await stateOf(cause)).state).toBe(awake ? "open" : "ignored");
        }
        const why = "until" in rule ? "time" : "deaths" in rule ? "deaths" : "rate";
        const told = (await returns()).filter(({ cause_id }) => cause_id === cause.id);
        expect(told.map(({ data }) => data["why"])).toEqual(awake ? [why] : []);
      }),
      { numRuns: 40 },
    );
  });
});

describe("regrouping", () => {
  const gateway = (host: string) => ({ type: "GatewayError", message: `host ${host} is down`, causes: [] });
  const rules = [
    {
      name: "gateway",
      match: { error: "GatewayError", message: /host (?<host>\w+) is/ },
      by: ["host"],
      title: "{host} is down",
    },
  ];

  test("tells first, moves then, and finds nothing to do after that", async () => {
    const letters = await Promise.all([1, 2, 3].map(async () => await die(refused, { error: gateway("alpha") })));
    await die(noTitle, { error: gateway("beta") });
    const untouched = await die(full, { error: { type: "Other", message: "x", causes: [] } });
    await causes.regroup(`cause:${full.id}`, { apply: true });
    await clerk();
    const before = await causes.list({}, { state: "all" });
    const plan = await causes.regroup("error:GatewayError", { rules });
    expect(plan).toMatchObject({
      applied: false,
      letters: 4,
      moves: [
        {
          from: { id: refused.id, title: "connection refused" },
          to: { title: "alpha is down", isNew: true },
          letters: 3,
          deaths: 3,
        },
        { from: { id: noTitle.id }, to: { title: "beta is down", isNew: true }, letters: 1, deaths: 1 },
      ],
    });
    expect(await causes.list({}, { state: "all" })).toEqual(before);
    const progress: number[] = [];
    const done = await causes.regroup("error:GatewayError", {
      rules,
      apply: true,
      by: "ann",
      reason: "one per host",
      progress: (n) => progress.push(n),
    });
    expect(done).toEqual({ ...plan, applied: true });
    expect(progress).toEqual([4]);
    const alpha = await causes.get(done.moves[0]!.to.id);
    expect(alpha).toMatchObject({
      rule: "gateway",
      letters: 3,
      open: 3,
      deaths: 3,
      errorType: "GatewayError",
      state: "open",
    });
    expect(letters).toContain(alpha.sampleLetterId);
    expect(alpha.events).toMatchObject([
      {
        type: "cause_regrouped",
        by: "ann",
        reason: "one per host",
        data: { from: refused.id, letters: 3, deaths: 3, title: "connection refused" },
      },
    ]);
    const emptied = await causes.get(refused.id);
    expect(emptied).toMatchObject({ letters: 0, open: 0, deaths: 0, builds: [], sampleLetterId: null });
    expect(emptied.events.at(-1)).toMatchObject({
      data: { to: alpha.id, letters: 3, deaths: 3, title: "alpha is down" },
    });
    expect(await causes.regroup({}, { rules, apply: true })).toMatchObject({ letters: 5, moves: [] });
    await clerk();
    expect({ ...(await causes.get(alpha.id)), events: alpha.events }).toEqual(alpha);
    expect((await causes.get(refused.id)).deaths).toBe(0);
    const [kept] = await database.sql`select cause_id from dlo.dead_letters where id = ${untouched}`;
    expect(kept).not.toEqual({ cause_id: alpha.id });
    await countsEqualRecounts();
  });

  test("moves each death by its own error, and a letter by its last one", async () => {
    const letterId = await die(refused, { error: gateway("alpha") });
    const [letter] = await database.sql<{ workflow_id: string }[]>`select workflow_id from dlo.dead_letters`;
    await recordRetryDeath(database.db, {
      ...deathOf(letter!.workflow_id),
      runId: randomUUID(),
      diedAtMs: Date.now(),
      cause: refused,
      error: gateway("beta"),
      letterId,
      revision: 2,
      expiresAtMs: null,
    });
    await causes.regroup("", { rules, apply: true });
    const { causes: found } = await causes.list("", { order: "deaths" });
    expect(found).toMatchObject([{ title: "beta is down", letters: 1, deaths: 1 }]);
    const rows =
      await database.sql`select c.title from dlo.deaths d join dlo.causes c on c.id = d.cause_id order by d.n`;
    expect([...rows]).toEqual([{ title: "alpha is down" }, { title: "beta is down" }]);
    await countsEqualRecounts();
  });

  test("without rules gives what the built-in fingerprint gives today", async () => {
    await die(refused, { error: gateway("alpha") });
    await die(noTitle, { error: gateway("beta12") });
    const { moves } = await causes.regroup("", { apply: true });
    expect(moves).toMatchObject([
      { to: { title: "GatewayError: host alpha is down" } },
      { to: { title: "GatewayError: host beta<n> is down" } },
    ]);
  });

  test("takes no rules and no filter that cannot be meant", async () => {
    await expect(causes.regroup("", { rules: [{ name: "x", match: {} }] })).rejects.toMatchObject({
      code: "CONFIG_INVALID",
    });
    await expect(causes.regroup("jobb:x")).rejects.toMatchObject({ code: "USAGE" });
  });
});

/** Counts with what is not folded yet, against the rows themselves. */
async function countsEqualRecounts(): Promise<void> {
  const letters = await database.sql`
    select cause_id, sum(n)::int as n from (select cause_id, n from dlo.letter_counts union all select cause_id, n from dlo.letter_deltas) x
    group by cause_id having sum(n) <> 0 order by cause_id`;
  expect([...letters]).toEqual([
    ...(await database.sql`select cause_id, count(*)::int as n from dlo.dead_letters group by cause_id order by cause_id`),
  ]);
  const died = await database.sql`
    select cause_id, sum(n)::int as n from (select cause_id, n from dlo.cause_builds union all select cause_id, n from dlo.death_deltas) x
    group by cause_id having sum(n) <> 0 order by cause_id`;
  expect([...died]).toEqual([
    ...(await database.sql`select cause_id, count(*)::int as n from dlo.deaths group by cause_id order by cause_id`),
  ]);
}
