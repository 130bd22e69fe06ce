import { eq } from "drizzle-orm";
import type { OwnPolicy, QueuePolicy } from "../model/queue-policy.ts";
import type { Db } from "./database.ts";
import { deadLetters } from "./tables.ts";
import { translatingErrors } from "./translate-error.ts";

const { id, queue, ownPolicy, retentionMs, keepForMs, onExpire, handOnTo, maximumRetries, warnBeforeMs, autoRetry } =
  deadLetters;

/** The columns that hold a letter's policy. */
export const policyRowColumns = {
  ...{ queue, ownPolicy, retentionMs, keepForMs, onExpire, handOnTo, maximumRetries, warnBeforeMs, autoRetry },
};

export type PolicyRow = Pick<typeof deadLetters.$inferSelect, keyof typeof policyRowColumns>;

/** A letter's policy as its row has it, beside what it is made of: its queue, and what goes before that queue's rules. */
export type LetterPolicy = { readonly queue: string; readonly own: OwnPolicy; readonly policy: QueuePolicy };

export type KnownPolicy = LetterPolicy & { readonly revision: number };

/** Undefined: there is no such letter. */
export async function policyOfLetter(db: Db, letterId: string): Promise<KnownPolicy | undefined> {
  const [row] = await translatingErrors(db, async () =>
    db
      .select({ ...policyRowColumns, revision: deadLetters.revision })
      .from(deadLetters)
      .where(eq(id, letterId)),
  );
  if (row === undefined) return undefined;
  const { revision, ...columns } = row;
  return { ...policyOfRow(columns), revision };
}

export function policyOfRow({ queue, ownPolicy, ...row }: PolicyRow): LetterPolicy {
  return {
    queue,
    own: ownPolicy,
    policy: { ...row, retentionMs: row.retentionMs ?? "indefinite", keepForMs: row.keepForMs ?? "indefinite" },
  };
}
