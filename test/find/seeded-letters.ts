import fc from "fast-check";
import { v5 as uuidv5, v7 as uuidv7 } from "uuid";
import { ownCodes } from "../../model/own-code.ts";
import { categories } from "../../model/category.ts";
import { reasons } from "../../model/reason.ts";
import { isOpen, statuses } from "../../model/status.ts";
import type { Db } from "../../schema/database.ts";
import type { DeadLetterRow } from "../../schema/rows.ts";
import { attempts, causes, deadLetters, deaths } from "../../schema/tables.ts";

/** A letter as the oracle sees it. */
export type Seeded = Omit<DeadLetterRow, "payloadData" | "originalPayloadData" | "memoData"> & {
  readonly attemptErrors: readonly string[];
};

/** What the letters are about, and what filters ask for: skewed, and with all that could be mistaken for a pattern or a quote. */
export const words = {
  job: [
    "import-movie",
    "import-movie",
    "import-movie",
    "send_mail",
    "send-mail",
    "sendXmail",
    "a%b",
    "job\\n",
    "Ünï·cødé",
    '"q"',
    "x,y",
  ],
  queue: ["default", "default", "default", "mail", "mail-2", "slow lane"],
  error: ["TypeError", "TypeError", "TimeoutError", "Timeout_Error", "ECONNREFUSED", "a*b", "😀Error"],
  message: [
    "title is not a string",
    "connection refused by 10.0.0.1:5432",
    "100% of_nothing \\ done",
    'say "hi" to the user',
    "line one\nline two",
    "Überlauf im Puffer 東京",
    "",
  ],
  build: [null, null, "build-1", "build-2", "sha:abc,def"],
  key: [null, "order-1", "order-2", "a b", "100%", 'k"q', "日本"],
  batch: [null, null, "night", "night run"],
  tag: ["vip", "movies", "a,b", "late night", "-x"],
  namespace: ["default", "default", "default", "other"],
} as const;

export const causeIds = Array.from({ length: 8 }, (_, i) => uuidv5(`cause ${i}`, uuidv5.URL));

const payloads: readonly unknown[] = [
  null,
  1958,
  "plain text payload",
  [],
  {},
  { title: "The Sheep Man", year: 1958, tags: ["old", "film"] },
  { title: 1958, year: "1958" },
  { year: 2000, order: { total: 99.5, lines: [{ sku: "a-1", n: 2 }, { sku: "b-2" }] } },
  { year: 2001, order: { total: 100, lines: [{ sku: "b-2", n: -1 }] } },
  { year: null, order: { total: "n/a" } },
  { year: true, order: [1, 2, 3] },
  { "a.b": { "0": "zero", "x y": 'say "hi"\nthere' }, year: 1e300 },
  [{ id: 3, name: "first" }, "second argument"],
  [0, { id: 3 }],
  { order: { total: -0.5, lines: [] }, note: "50% of_all \\ slashes" },
  { unicode: "東京 Ü 😀", year: 0 },
  { deep: { deeper: { deepest: false } } },
];

const start = Date.UTC(2026, 4, 1, 12);
/** When the filters are asked. */
export const askedAt = new Date(start + 40 * 3_600_000);

export function pick<T>(values: readonly T[]): fc.Arbitrary<T> {
  return fc.constantFrom(...values);
}

/** Times lie close together, so that several letters have the same. */
function hoursFrom(base: number, most: number): fc.Arbitrary<Date> {
  return fc.integer({ min: 0, max: most * 4 }).map((quarters) => new Date(base + quarters * 900_000));
}

function letterArbitrary(i: number): fc.Arbitrary<Seeded> {
  return fc
    .record({
      ...{
        job: pick(words.job),
        queue: pick(words.queue),
        errorType: pick(words.error),
        errorMessage: pick(words.message),
      },
      ...{
        buildId: pick(words.build),
        key: pick(words.key),
        batch: pick(words.batch),
        namespace: pick(words.namespace),
      },
      kind: pick(["job", "job", "job", "workflow", "activity", "record", "step"] as const),
      status: pick(["parked", "parked", ...statuses] as const),
      category: pick(categories),
      reason: pick(reasons),
      causeId: pick(causeIds),
      payload: pick(payloads),
      headers: pick([{}, { tenant: "acme" }, { tenant: "Acme", "x.y": "12" }, { "x-id": "true" }]),
      source: pick<unknown>([null, null, { topic: "orders", partition: 3 }, { topic: "mail", offset: 12 }]),
      attempts: fc.integer({ min: 0, max: 9 }),
      deaths: pick([1, 1, 1, 2, 3, 7]),
      retries: pick([0, 0, 1, 2]),
      failedAt: hoursFrom(start, 36),
      age: fc.integer({ min: 0, max: 300 }),
      left: hoursFrom(askedAt.getTime(), 80),
      expires: fc.boolean(),
      tags: fc.uniqueArray(pick(words.tag), { maxLength: 3 }),
      failedCode: pick([null, null, null, ...ownCodes]),
      attemptErrors: fc.array(pick(words.error), { maxLength: 3 }),
    })
    .map(({ age, left, expires, ...letter }) => {
      const open = isOpen(letter.status);
      const workflowId = open ? `${letter.job}/${i}` : `${letter.job}/${i % 20}`;
      return {
        ...letter,
        ...{
          id: uuidv7({ msecs: start + i }),
          workflowId,
          runId: `run-${i}`,
          workflowType: letter.job,
          taskQueue: "jobs",
        },
        ...{ stackTrace: null, failure: { type: letter.errorType, message: letter.errorMessage, causes: [] } },
        ...{ payloadOmitted: false, idempotencyKey: workflowId, expiryRetries: 0 },
        ...{
          retryAt: null,
          retriedAt: null,
          closeReason: null,
          keepUntil: null,
          workerIdentity: null,
          startedBy: null,
        },
        ...{ traceId: null, revision: 0, retentionMs: null, keepForMs: null, onExpire: "expire" as const },
        ...{ maximumRetries: 3, handOnTo: null, warnBeforeMs: null, autoRetry: null, cleaned: false },
        ...{ ownPolicy: {}, ownCode: [], retryWhen: null, retryRunId: null, supersededBy: "id" as const },
        firstFailedAt: new Date(letter.failedAt.getTime() - age * 60_000),
        expiresAt: letter.status === "parked" && expires ? left : null,
        closedAt: open ? null : new Date(letter.failedAt.getTime() + 3_600_000),
      };
    });
}

/** Makes letters of which each is another, and writes them. */
export async function seedLetters(db: Db, count: number, seed: number, from = 0): Promise<Seeded[]> {
  const letters = Array.from({ length: count }, (_, i) => {
    const [letter] = fc.sample(letterArbitrary(from + i), { seed: seed + i, numRuns: 1 });
    return letter as Seeded;
  });
  await db
    .insert(causes)
    .values(
      causeIds.map((id, i) => ({
        ...{
          id,
          fingerprint: `cause ${i}`,
          version: 1,
          title: `cause ${i}`,
          errorType: "Error",
          firstSeenAt: new Date(start),
        },
      })),
    )
    .onConflictDoNothing();
  for (let at = 0; at < letters.length; at += 100) {
    const some = letters.slice(at, at + 100);
    await db.insert(deadLetters).values(some.map(({ attemptErrors: _, ...row }) => row));
    await db.insert(deaths).values(
      some.map((letter) => ({
        ...{ id: uuidv7(), letterId: letter.id, n: 1, namespace: letter.namespace, workflowId: letter.workflowId },
        ...{ runId: letter.runId, reason: letter.reason, category: letter.category, causeId: letter.causeId },
        ...{ errorType: letter.errorType, errorMessage: letter.errorMessage, failure: letter.failure },
        ...{ attempts: letter.attempts, diedAt: letter.failedAt },
      })),
    );
    const rows = some.flatMap(({ id, attemptErrors }) =>
      attemptErrors.map((errorType, n) => ({ letterId: id, deathN: 1, n: n + 1, state: "failed" as const, errorType })),
    );
    if (rows.length > 0) await db.insert(attempts).values(rows);
  }
  return letters;
}
