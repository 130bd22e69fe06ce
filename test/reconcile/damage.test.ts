import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { z } from "zod";
import type { Reconciled } from "../../client/index.ts";
import { letterWorkflowId } from "../../model/ids.ts";
import { defineJob } from "../../model/index.ts";
import type { LetterState } from "../../model/letter-state.ts";
import type { LetterRow } from "../../schema/rows.ts";
import { deliver, openPostOffice, type PostOffice } from "../setup/post-office.ts";
import { until } from "../setup/world.ts";

/*
 * Each kind of damage, made by hand in one store or the other. All of it is there at once: a dry run lists it, one reconcile mends
 * what can be seen from outside, a thorough one the rest, and the next ones find nothing.
 */

vi.setConfig({ testTimeout: 180_000, hookTimeout: 240_000 });

const ledger = defineJob({
  name: "ledger",
  taskQueue: "books",
  input: z.object({ account: z.string(), fails: z.boolean() }),
  key: ({ account }) => account,
  activity: { retry: { maximumAttempts: 1 } },
  deadLetter: { supersededBy: "key", queue: "books" },
});

/** Whoever starts it gets an error, and nobody a letter. */
const silent = defineJob({
  name: "silent",
  taskQueue: "books",
  input: z.object({ waits: z.boolean().optional() }),
  activity: { retry: { maximumAttempts: 1 } },
  deadLetter: false,
});

let office: PostOffice;
/** By what each test looks for. */
const reports: Record<"dry" | "plain" | "thorough", Reconciled[]> = { dry: [], plain: [], thorough: [] };
const letters = new Map<string, LetterRow>();
const ends = new Map<string, (failure?: Error) => void>();

const job = (id: string) => office.dlo.temporal.workflow.getHandle(id);
const letterOf = (id: string) => office.dlo.temporal.workflow.getHandle(letterWorkflowId(id));
const stateOf = async (id: string) => await letterOf(id).query<LetterState>("state");
const statusOf = async (id: string) => (await office.dlo.letters.get(id)).status;
const itemsOf = (reconciled: readonly Reconciled[], id: string) =>
  reconciled.flatMap(({ items }) => items.filter(({ workflowId }) => workflowId === id));

/** A job that has died. */
async function dead(id: string): Promise<LetterRow> {
  const letter = await office.dead(id);
  letters.set(id, letter);
  return letter;
}

/** A run that goes on until somebody ends it. */
async function running(id: string, start: () => Promise<unknown>): Promise<void> {
  const before = office.runs(id);
  office.when(
    id,
    () =>
      new Promise((resolve, reject) =>
        ends.set(id, (failure) => (failure === undefined ? resolve("delivered") : reject(failure))),
      ),
  );
  await start();
  await until(() => office.runs(id) > before);
}

const started = (id: string) => async () => await office.dlo.start(deliver, { to: "ann" }, { id });
const retried = (id: string) => async () => await office.dlo.letters.retry(id, { by: "ann" });

async function changeRow(id: string, values: Record<string, unknown>): Promise<void> {
  await office.sql`update dlo.dead_letters set ${office.sql(values)} where id = ${letters.get(id)!.id}`;
}

async function dropRow(id: string): Promise<void> {
  const { id: letterId } = await office.dlo.letters.get(id);
  letters.set(id, await office.dlo.letters.get(letterId));
  await office.sql`delete from dlo.dead_letters where id = ${letterId}`;
}

/** Every sign that a query, or a page of Web UI, may stumble over. */
const awkward = `it's "half" past \\ 50% (a) {b} ;--`;

/** What is made of each job id. */
const damage: Record<string, () => Promise<unknown>> = {
  terminated: async () => {
    await running("terminated", started("terminated"));
    await job("terminated").terminate("the disk was full");
  },
  [awkward]: async () => {
    await running(awkward, started(awkward));
    await job(awkward).terminate("o'clock");
  },
  late: async () => {
    office.when("late", () => new Promise(() => undefined));
    await office.dlo.temporal.workflow.start("deliver", {
      ...{ workflowId: "late", taskQueue: "jobs", workflowRunTimeout: "1 second", args: [{ to: "ann" }] },
    });
    await until(async () => (await job("late").describe()).status.name === "TIMED_OUT");
  },
  vanished: async () => {
    await dead("vanished");
    await letterOf("vanished").terminate("gone");
    await dropRow("vanished");
  },
  rowless: async () => {
    const { id } = await dead("rowless");
    await office.dlo.letters.retry(id, { by: "ann" });
    await until(async () => (await office.dlo.letters.get(id)).deaths === 2 && (await statusOf(id)) === "parked");
    await office.dlo.letters.extend(id, { retention: "3 days", by: "ann" });
    await dropRow("rowless");
  },
  waits: async () => {
    await dead("waits");
    await dropRow("waits");
    await letterOf("waits").signal("note", { text: "while the row was gone", by: "ann" });
    await until(async () => {
      const { pendingActivities } = (await letterOf("waits").describe()).raw;
      return pendingActivities?.some(({ activityType }) => activityType?.name === "project") === true;
    });
  },
  closed: async () => {
    const { id } = await dead("closed");
    await office.dlo.letters.discard(id, { by: "ann", reason: "hopeless" });
    await dropRow("closed");
  },
  orphan: async () => {
    await dead("orphan");
    await letterOf("orphan").terminate("an accident");
  },
  torn: async () => {
    await dead("torn");
    await running("torn", retried("torn"));
    await letterOf("torn").terminate("an accident");
  },
  "died-unheard": async () => {
    await dead("died-unheard");
    await running("died-unheard", retried("died-unheard"));
    await letterOf("died-unheard").terminate("an accident");
    ends.get("died-unheard")?.(new Error("still nobody"));
    await until(async () => (await job("died-unheard").describe()).status.name === "FAILED");
  },
  "says-retrying": async () => {
    await dead("says-retrying");
    await changeRow("says-retrying", { status: "retrying", expires_at: null });
  },
  overdue: async () => {
    await dead("overdue");
    await changeRow("overdue", { expires_at: new Date(Date.now() - 3_600_000) });
  },
  shut: async () => {
    await dead("shut");
    await changeRow("shut", {
      ...{ status: "discarded", expires_at: null, closed_at: new Date(), close_reason: "by hand" },
    });
  },
  behind: async () => {
    const { id } = await dead("behind");
    await office.dlo.letters.note(id, { text: "one", by: "ann" });
    await changeRow("behind", { revision: 0 });
  },
  ahead: async () => {
    await dead("ahead");
    await changeRow("ahead", { revision: 40 });
  },
  "from-backup": async () => {
    const before = await dead("from-backup");
    office.when("from-backup", () => "delivered");
    await office.dlo.letters.retry(before.id, { by: "ann" });
    await until(async () => (await statusOf(before.id)) === "recovered");
    await changeRow("from-backup", {
      ...{ status: "parked", closed_at: null, close_reason: null, keep_until: null, retries: 0 },
      ...{ revision: before.revision, expires_at: before.expiresAt },
    });
  },
  moot: async () => {
    await dead("moot");
    office.when("moot", () => "delivered");
    await (await office.dlo.start(deliver, { to: "ann" }, { id: "moot" })).result();
  },
  "entry-1": async () => {
    const run = await office.dlo.start(ledger, { account: "7", fails: true }, { id: "entry-1" });
    await run.result().catch(() => undefined);
    await (await office.dlo.start(ledger, { account: "7", fails: false }, { id: "entry-2" })).result();
  },
  "other-key": async () => {
    const run = await office.dlo.start(ledger, { account: "8", fails: true }, { id: "other-key" });
    await run.result().catch(() => undefined);
    await (await office.dlo.start(ledger, { account: "9", fails: false }, { id: "entry-9" })).result();
  },
  garbled: async () => {
    await office.dlo.temporal.workflowService.startWorkflowExecution({
      ...{ namespace: office.namespace, workflowId: "garbled", requestId: randomUUID() },
      ...{ workflowType: { name: "deliver" }, taskQueue: { name: "jobs" } },
      input: { payloads: [{ metadata: { encoding: Buffer.from("binary/unheard-of") }, data: Buffer.from("?") }] },
    });
    await until(async () => {
      const { events } = await job("garbled").fetchHistory();
      return events?.some((event) => event.workflowTaskFailedEventAttributes) === true;
    });
  },
  // And what is well.
  "started-anew": async () => {
    await running("started-anew", started("started-anew"));
    await job("started-anew").terminate("to start it anew");
    office.when("started-anew", () => "delivered");
    await (await office.dlo.start(deliver, { to: "ann" }, { id: "started-anew" })).result();
  },
  cancelled: async () => {
    await running("cancelled", started("cancelled"));
    await job("cancelled").cancel();
    await until(async () => (await job("cancelled").describe()).status.name === "CANCELLED");
  },
  pruned: async () => {
    const { id } = await dead("pruned");
    await office.dlo.letters.discard(id, { by: "ann" });
    await changeRow("pruned", { keep_until: new Date(Date.now() - 60_000) });
    // Its events have to be numbered first.
    await until(async () => (await office.dlo.prune()).letters === 1);
  },
  retried: async () => {
    await dead("retried");
    await running("retried", retried("retried"));
  },
  "without-letters": async () => {
    const run = await office.dlo.start(silent, {}, { id: "without-letters" });
    await run.result().catch(() => undefined);
    await office.dlo.start(silent, { waits: true }, { id: "without-letters-2" });
    await job("without-letters-2").terminate("not worth a letter");
  },
  "of-another-make": async () => {
    const handle = await office.dlo.temporal.workflow.start("someoneElses", {
      taskQueue: "nobody",
      workflowId: "of-another-make",
    });
    await handle.terminate("none of our business");
  },
};

beforeAll(async () => {
  office = await openPostOffice();
  await office.worker({
    jobs: [
      ledger.handle(({ fails }) => {
        if (fails) throw new Error("the books are locked");
      }),
      silent.handle(async ({ waits }) => {
        if (waits === true) await new Promise(() => undefined);
        throw new Error("nobody hears of it");
      }),
    ],
  });
  const made = await Promise.allSettled(Object.values(damage).map(async (make) => await make()));
  expect(made.filter(({ status }) => status === "rejected")).toEqual([]);
  const nothing = async (options: { thorough?: boolean }) =>
    Object.keys((await office.dlo.reconcile(options)).found).length === 0;
  reports.dry = [
    await office.dlo.reconcile({ dryRun: true }),
    await office.dlo.reconcile({ dryRun: true, thorough: true }),
  ];
  reports.plain = [await office.dlo.reconcile()];
  await until(async () => await nothing({}));
  reports.thorough = [await office.dlo.reconcile({ thorough: true })];
  await until(async () => await nothing({ thorough: true }));
});
afterAll(async () => await office?.close());

/** What was found of a job id: listed by the dry run, mended once, and by which reconcile. */
function expectMended(id: string, finding: string, by: "plain" | "thorough" = "plain") {
  const [plainDry, thoroughDry] = reports.dry;
  expect(itemsOf([by === "plain" ? plainDry! : thoroughDry!], id)[0]).toMatchObject({ finding, mended: false });
  const items = itemsOf([...reports.plain, ...reports.thorough], id);
  expect(items).toMatchObject([{ finding, mended: true }]);
  expect(itemsOf(reports[by], id)).toHaveLength(1);
  return items[0]!;
}

test("a job that was terminated gets a letter, with its input and with who ended it, and recovers", async () => {
  const { letterId } = expectMended("terminated", "lost");
  const letter = await office.dlo.letters.get("terminated");
  expect(letter).toMatchObject({
    ...{ id: letterId, status: "parked", reason: "lost", category: "lost", deaths: 1, attempts: 0, job: "deliver" },
    payload: { to: "ann" },
    errorType: "Terminated",
    errorMessage: "tester terminated the run: the disk was full",
  });
  expect((await office.dlo.letters.story(letter.id)).events).toMatchObject([
    { type: "parked", by: "office", reason: "found by a reconcile: terminated by tester" },
  ]);
  // Its contract's retention, which its worker told.
  expect(Math.round((letter.expiresAt!.getTime() - Date.now()) / 86_400_000)).toBe(30);
  office.when("terminated", () => "delivered");
  await office.dlo.letters.retry("terminated", { by: "ann" });
  await until(async () => (await statusOf("terminated")) === "recovered");
});

test("an id may have any sign", async () => {
  expectMended(awkward, "lost");
  const letter = await office.dlo.letters.get(awkward);
  expect(letter).toMatchObject({
    workflowId: awkward,
    status: "parked",
    errorMessage: "tester terminated the run: o'clock",
  });
});

test("a job that ran into its workflow timeout gets a letter", async () => {
  expectMended("late", "timed_out");
  expect(await office.dlo.letters.get("late")).toMatchObject({
    ...{ reason: "timed_out", category: "timeout", status: "parked", payload: { to: "ann" } },
  });
});

test("a death whose letter is gone from both stores comes back under its own id, attempts and all", async () => {
  expectMended("vanished", "unrecorded");
  const before = letters.get("vanished")!;
  expect(await office.dlo.letters.get("vanished")).toMatchObject({
    ...{ id: before.id, errorMessage: "nobody at home: ann", reason: "exhausted", attempts: 1, deaths: 1 },
    ...{ status: "parked", payload: before.payload },
  });
  const { rows } = await attemptsOf(before.id);
  expect(rows).toMatchObject([{ n: 1, error_message: "nobody at home: ann" }]);
  expect(await stateOf("vanished")).toMatchObject({ letterId: before.id });
});

async function attemptsOf(letterId: string) {
  return { rows: [...(await office.sql`select n, error_message from dlo.attempts where letter_id = ${letterId}`)] };
}

test("a letter whose row is gone has it back as it was, with all of its deaths", async () => {
  expectMended("rowless", "no_row");
  const { retriedAt: _, retryRunId: __, ownPolicy: ___, firstFailedAt, ...before } = letters.get("rowless")!;
  const after = await office.dlo.letters.get(before.id);
  expect(after).toMatchObject({ ...before, firstFailedAt });
  const { deaths } = await office.dlo.letters.story(before.id);
  expect(deaths.map(({ n, errorMessage }) => [n, errorMessage])).toEqual([
    [1, "nobody at home: ann"],
    [2, "nobody at home: ann"],
  ]);
  await office.dlo.letters.note(before.id, { text: "it still takes commands", by: "ann" });
  expect((await office.dlo.letters.get(before.id)).revision).toBe(before.revision + 1);
});

test("a command that meets a missing row waits for it, and its letter lives", async () => {
  expectMended("waits", "no_row");
  const { id } = letters.get("waits")!;
  await until(async () => (await office.events(id)).includes("noted"));
  expect(await stateOf("waits")).toMatchObject({ letterId: id, status: "parked" });
});

test("a closed letter whose row is gone has it back, closed", async () => {
  const before = letters.get("closed")!;
  expect(expectMended("closed", "no_row")).toMatchObject({ letterId: before.id });
  const after = await office.dlo.letters.get(before.id);
  expect(after).toMatchObject({ status: "discarded", deaths: 1, errorMessage: before.errorMessage });
  expect(Math.abs(after.closedAt!.getTime() - before.closedAt!.getTime())).toBeLessThan(60_000);
  expect(after.keepUntil).not.toBeNull();
});

test("a letter whose workflow was ended gets it back, with the time that it had left", async () => {
  expectMended("orphan", "no_workflow");
  const before = letters.get("orphan")!;
  const after = await office.dlo.letters.get(before.id);
  expect(after).toMatchObject({ id: before.id, status: "parked", deaths: 1 });
  const [ended] = (await closedRunsOf("orphan")).toSorted((a, b) => a.getTime() - b.getTime());
  const { startTime } = await letterOf("orphan").describe();
  const left = before.expiresAt!.getTime() - ended!.getTime();
  expect(Math.abs(after.expiresAt!.getTime() - startTime.getTime() - left)).toBeLessThan(2_000);
  expect(await office.events(before.id)).toEqual(["parked", "restored"]);
  office.when("orphan", () => "delivered");
  await office.dlo.letters.retry("orphan", { by: "ann" });
  await until(async () => (await statusOf("orphan")) === "recovered");
});

async function closedRunsOf(id: string): Promise<Date[]> {
  const closed: Date[] = [];
  const query = `WorkflowId = '${letterWorkflowId(id)}' AND ExecutionStatus = 'Terminated'`;
  for await (const { closeTime } of office.dlo.temporal.workflow.list({ query }))
    if (closeTime !== undefined) closed.push(closeTime);
  return closed;
}

test("a letter whose workflow was ended while its retry ran hears of the outcome, and starts no second one", async () => {
  expectMended("torn", "no_workflow");
  ends.get("torn")?.();
  await until(async () => (await office.dlo.letters.get("torn")).closedAt !== null);
  expect(await statusOf("torn")).toBe("superseded");
  expect(office.runs("torn")).toBe(2);
});

test("a retry that died while its letter's workflow was gone is one death more", async () => {
  const { id } = letters.get("died-unheard")!;
  expectMended("died-unheard", "unrecorded");
  expect(await office.dlo.letters.get(id)).toMatchObject({
    ...{ status: "parked", deaths: 2, errorMessage: "still nobody" },
  });
  expect(await stateOf("died-unheard")).toMatchObject({ letterId: id, deaths: 2, status: "parked" });
});

test.each([
  ["says-retrying", "plain"],
  ["overdue", "plain"],
  ["shut", "plain"],
  ["behind", "thorough"],
  ["ahead", "thorough"],
] as const)("a row that differs (%s) is settled by its workflow", async (id, by) => {
  const { said } = expectMended(id, "differs", by);
  expect(said).toMatch(/^its row says /);
  const before = letters.get(id)!;
  const { revision } = await stateOf(id);
  expect(await office.dlo.letters.get(before.id)).toMatchObject({
    ...{ status: "parked", revision, expiresAt: before.expiresAt, closedAt: null, closeReason: null },
  });
  expect(await office.events(before.id)).toContain("settled");
  await office.dlo.letters.note(before.id, { text: "it takes commands", by: "ann" });
  expect(await office.dlo.letters.get(before.id)).toMatchObject({ revision: revision + 1 });
});

test("a row that a backup brought back as open is closed as its workflow had closed it", async () => {
  expectMended("from-backup", "differs");
  expect(await office.dlo.letters.get("from-backup")).toMatchObject({
    ...{ id: letters.get("from-backup")!.id, status: "recovered", retries: 1, expiresAt: null },
  });
});

test("a letter whose job has since succeeded under its id closes as superseded", async () => {
  expectMended("moot", "succeeded");
  const { id } = letters.get("moot")!;
  expect(await statusOf(id)).toBe("superseded");
  const { events } = await office.dlo.letters.story(id);
  expect(events.at(-1)).toMatchObject({ type: "superseded", by: "office", reason: "its job has succeeded since" });
});

test("a letter whose key has since succeeded closes as superseded, where the contract says so, and no other", async () => {
  expectMended("entry-1", "succeeded");
  const letter = await office.dlo.letters.get("entry-1");
  expect(letter).toMatchObject({ status: "superseded", supersededBy: "key", key: "7" });
  expect(letter.closeReason).toBe("entry-2, which has the same key, has succeeded since");
  expect(await office.dlo.letters.get("other-key")).toMatchObject({ status: "parked", key: "8" });
});

test("an input that nobody can decode becomes a letter, and its run ends", async () => {
  // Temporal marks it only after some failures, and it may be a matter of deployment for a while.
  const { letterId } = expectMended("garbled", "undecodable", "thorough");
  expect(await office.dlo.letters.get("garbled")).toMatchObject({
    ...{ id: letterId, status: "parked", reason: "non_retryable", category: "data", deaths: 1, payload: null },
    errorMessage: "The input cannot be decoded: Unknown encoding: binary/unheard-of",
  });
  expect((await job("garbled").describe()).status.name).toBe("TERMINATED");
  office.when("garbled", ({ to }) => `delivered to ${to}`);
  await office.dlo.letters.retry("garbled", { input: { to: "bob" }, by: "ann" });
  await until(async () => (await statusOf("garbled")) === "recovered");
});

test.each([
  "started-anew",
  "cancelled",
  "pruned",
  "retried",
  "other-key",
  "without-letters",
  "without-letters-2",
  "of-another-make",
])("what is well is left alone: %s", (id) => {
  expect(itemsOf([...reports.dry, ...reports.plain, ...reports.thorough], id)).toEqual([]);
});

test("a dry run changes nothing, and each reconcile leaves a row that tells of it", async () => {
  const rows = await office.sql`
    select dry_run, thorough, found, mended, by, swept_until, ended_at from dlo.reconciles order by began_at`;
  expect(rows.every(({ ended_at }) => ended_at !== null)).toBe(true);
  const [dry, thoroughDry, plain] = rows;
  expect(dry).toMatchObject({ dry_run: true, mended: 0, swept_until: null, by: "tester" });
  // Of the retry that died unheard two things are amiss, and mending the one mends the other.
  const { no_workflow: orphans = 0, ...same } = reports.plain[0]!.found;
  expect(dry!["found"]).toEqual({ ...same, no_workflow: orphans + 1 });
  expect(thoroughDry!["found"]).toMatchObject({ undecodable: 1 });
  expect(plain).toMatchObject({ dry_run: false, mended: reports.plain[0]!.mended });
  expect(plain!["swept_until"]).not.toBeNull();
});
