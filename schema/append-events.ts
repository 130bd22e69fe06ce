import type { SQL, WithSubquery } from "drizzle-orm";
import { sql } from "drizzle-orm";
import type { LetterEvent } from "../model/event.ts";
import { cleanRow } from "./clean-row.ts";
import type { Db } from "./database.ts";
import { momentAt } from "./moments.ts";

/**
 * The parts of a statement that write events for the letter which its part `letter` yields, and none where it yields none.
 *
 * @param revision the letter's, to which these events brought it
 * @param part its name in the statement
 */
export function appendEvents(
  db: Db,
  written: readonly LetterEvent[],
  revision: number,
  part: "event" | "told" = "event",
): WithSubquery[] {
  return written.length === 0 ? [] : [db.$with(part, {}).as(insertEvents(written.map(eventRow), revision))];
}

function insertEvents(rows: readonly object[], revision: number): SQL {
  return sql`
    insert into dlo.events (letter_id, namespace, workflow_id, revision, at, type, by, reason, request_id, run_id, data)
    select letter.id, letter.namespace, letter.workflow_id, ${revision}::int, e.at, e.type, e.by, e.reason, e.request_id, e.run_id, e.data
    from letter, jsonb_to_recordset(${JSON.stringify(rows)}::jsonb)
      as e (n int, at timestamptz, type text, by text, reason text, request_id text, run_id text, data jsonb)
    order by e.n`;
}

function eventRow(event: LetterEvent, n: number) {
  return cleanRow({
    n,
    at: momentAt(event.atMs),
    type: event.type,
    by: event.by ?? null,
    reason: event.reason ?? null,
    request_id: event.requestId ?? null,
    run_id: event.runId ?? null,
    data: event.data ?? null,
  });
}
