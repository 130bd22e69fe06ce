import { sql } from "drizzle-orm";
import type { SQL } from "drizzle-orm";

/** `where` and these conditions, all of which must hold; nothing where there are none. */
export function where(conditions: readonly SQL[]): SQL {
  return conditions.length === 0 ? sql`` : sql`where ${allHold(conditions)}`;
}

/** One condition of these; it holds where there are none. */
export function allHold(conditions: readonly SQL[]): SQL {
  return conditions.length === 0 ? sql`true` : sql.join([...conditions], sql` and `);
}
