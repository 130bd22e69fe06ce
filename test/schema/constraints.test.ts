import { eq } from "drizzle-orm";
import { expect, test } from "vitest";
import { categories } from "../../model/category.ts";
import { attemptStates } from "../../model/ledger.ts";
import { reasons } from "../../model/reason.ts";
import { isOpen, statuses } from "../../model/status.ts";
import { kinds } from "../../schema/kinds.ts";
import { parkDeath } from "../../schema/park-death.ts";
import { attempts, deadLetters } from "../../schema/tables.ts";
import { violatedConstraint } from "../../schema/translate-error.ts";
import { testDatabase } from "../setup/postgres.ts";
import { deathOf } from "./deaths.ts";

const { db } = await testDatabase();
const { letter } = await parkDeath(db, deathOf("movie"));
const closedAt = new Date();

/** The constraint that refuses this change of an open, parked letter; null where it is taken. The letter stays as it was. */
async function refusal(change: Partial<typeof deadLetters.$inferInsert>): Promise<string | null> {
  let refusedBy: string | null | undefined;
  await db
    .transaction(async (tx) => {
      await tx.update(deadLetters).set(change).where(eq(deadLetters.id, letter.id));
      refusedBy = null;
      tx.rollback();
    })
    .catch((error: unknown) => void (refusedBy ??= refusedBy === null ? null : violatedConstraint(error)));
  if (refusedBy === undefined) throw new Error("refused, but by no constraint");
  return refusedBy;
}

test.for<[Partial<typeof deadLetters.$inferInsert>, string | null]>([
  [{ status: "buried" as never, expiresAt: null, closedAt }, "dead_letters_status_known"],
  [{ reason: "tired" as never }, "dead_letters_reason_known"],
  [{ category: "odd" as never }, "dead_letters_category_known"],
  [{ kind: "thing" as never }, "dead_letters_kind_known"],
  [{ onExpire: "explode" as never }, "dead_letters_on_expire_known"],
  [{ status: "expired", expiresAt: null }, "dead_letters_open_until_closed"],
  [{ closedAt }, "dead_letters_open_until_closed"],
  [{ closeReason: "no use" }, "dead_letters_closing_is_final"],
  [{ keepUntil: closedAt }, "dead_letters_closing_is_final"],
  [{ status: "retrying" }, "dead_letters_clock_runs_while_parked"],
  [{ status: "retrying", expiresAt: null, retryAt: closedAt }, "dead_letters_retry_waits_while_parked"],
  [{ retryAt: closedAt }, "dead_letters_one_clock"],
  [{ deaths: 0 }, "dead_letters_died"],
  [{ revision: -1 }, "dead_letters_revision_counts_up"],
  [{ attempts: -1 }, "dead_letters_counts"],
  [{ payloadOmitted: true }, "dead_letters_omitted_payload"],
  [{ status: "expired", expiresAt: null, closedAt, closeReason: "no use", keepUntil: closedAt }, null],
  [{ status: "retrying", expiresAt: null }, null],
  [{ retryAt: closedAt, expiresAt: null }, null],
])("%j is refused by %s", async ([change, constraint]) => {
  expect(await refusal(change)).toBe(constraint);
});

test("two open letters of one job are refused", async () => {
  const [row] = await db.select().from(deadLetters).where(eq(deadLetters.id, letter.id));
  const again = db.insert(deadLetters).values({ ...row!, id: "0197a3c4-0000-7000-8000-000000000001" });
  expect(violatedConstraint(await again.catch((error: unknown) => error))).toBe("dead_letters_one_open");
});

test("every word of the model's lists is taken", async () => {
  const closing = { closedAt, expiresAt: null };
  for (const status of statuses)
    expect(await refusal({ status, ...(isOpen(status) ? { expiresAt: null } : closing) })).toBeNull();
  for (const reason of reasons) expect(await refusal({ reason })).toBeNull();
  for (const category of categories) expect(await refusal({ category })).toBeNull();
  for (const kind of kinds) expect(await refusal({ kind })).toBeNull();
  for (const [i, state] of attemptStates.entries())
    await db.insert(attempts).values({ letterId: letter.id, deathN: 9, n: i + 1, state });
});
