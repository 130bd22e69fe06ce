import { and, eq } from "drizzle-orm";
import type { Db } from "./database.ts";
import { cursors } from "./tables.ts";
import { translatingErrors } from "./translate-error.ts";
import { now } from "./now.ts";

/** How far a follower has come in the events; undefined where nobody of that name has begun. */
export async function readCursor(db: Db, name: string): Promise<number | undefined> {
  return await translatingErrors(db, async () => {
    const [cursor] = await db.select({ position: cursors.position }).from(cursors).where(eq(cursors.name, name));
    return cursor?.position;
  });
}

/**
 * Moves a follower on, from where it was read to be. Of two who do so at once, one moves it; the other is told `stale`, and
 * reads anew.
 *
 * @param from undefined where it has not begun
 */
export async function moveCursor(
  db: Db,
  name: string,
  { from, to }: { readonly from: number | undefined; readonly to: number },
): Promise<"written" | "stale"> {
  const moved = await translatingErrors(db, async () =>
    from === undefined
      ? await db
          .insert(cursors)
          .values({ name, position: to, movedAt: now })
          .onConflictDoNothing()
          .returning({ name: cursors.name })
      : await db
          .update(cursors)
          .set({ position: to, movedAt: now })
          .where(and(eq(cursors.name, name), eq(cursors.position, from)))
          .returning({ name: cursors.name }),
  );
  return moved.length > 0 ? "written" : "stale";
}
