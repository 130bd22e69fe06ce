import type { SQL } from "drizzle-orm";
import { and, eq, isNull, sql } from "drizzle-orm";
import type { CauseChange } from "../model/cause-change.ts";
import type { Signature } from "../model/command.ts";
import { causeNotFound } from "../model/office-error.ts";
import { cleanRow } from "./clean-row.ts";
import type { Db } from "./database.ts";
import { momentOrNull } from "./moments.ts";
import { causes, events } from "./tables.ts";
import { translatingErrors } from "./translate-error.ts";
import { now } from "./now.ts";

/**
 * Changes a cause, and writes the event that tells who did it and why, in one statement. A repeat of a request id changes
 * nothing.
 *
 * @param causeId whole
 * @throws {OfficeError} `CAUSE_NOT_FOUND`
 */
export async function setCause(
  db: Db,
  causeId: string,
  change: CauseChange,
  signature: Signature,
): Promise<"written" | "repeated"> {
  return await translatingErrors(
    db,
    async () =>
      await db.transaction(async (tx) => {
        // The row's lock makes two repeats at once take turns. It leaves deaths alone, which refer to the row.
        const [cause] = await tx
          .select({ title: causes.title, owner: causes.owner, state: causes.state })
          .from(causes)
          .where(eq(causes.id, causeId))
          .for("no key update");
        if (cause === undefined) throw causeNotFound(causeId);
        if (await isKnown(tx, causeId, signature.requestId)) return "repeated";
        const { by, reason, requestId, data } = cleanRow({
          by: signature.by ?? null,
          reason: signature.reason ?? null,
          requestId: signature.requestId ?? null,
          data: dataOf(change, cause),
        });
        await tx.execute(sql`
          with changed as (update dlo.causes set ${columnsOf(change, by, reason)} where id = ${causeId} returning id)
          insert into dlo.events (cause_id, type, by, reason, request_id, data)
          select id, ${change.type}, ${by}, ${reason}, ${requestId}, ${JSON.stringify(data)}::jsonb from changed`);
        return "written";
      }),
  );
}

async function isKnown(tx: Db, causeId: string, requestId: string | undefined): Promise<boolean> {
  if (requestId === undefined) return false;
  const own = and(eq(events.causeId, causeId), isNull(events.letterId), eq(events.requestId, requestId));
  const [found] = await tx.select({ id: events.id }).from(events).where(own).limit(1);
  return found !== undefined;
}

function columnsOf(change: CauseChange, by: string | null, reason: string | null): SQL {
  const state = (
    to: "open" | "resolved" | "ignored",
    rule: Partial<Record<"build" | "until" | "deaths" | "ms", SQL>>,
  ) => sql`
    state = ${to}, state_at = ${now}, state_by = ${by}, state_reason = ${reason}, returned_at = null,
    resolved_in_build = ${rule.build ?? sql`null`}, ignored_until = ${rule.until ?? sql`null`},
    ignored_deaths = ${rule.deaths ?? sql`null`}, ignored_rate_ms = ${rule.ms ?? sql`null`}`;
  switch (change.type) {
    case "cause_resolved":
      return state("resolved", { build: sql`${change.inBuild ?? null}` });
    case "cause_ignored":
      return state("ignored", {
        until: sql`${sql.param(momentOrNull(change.untilMs), causes.ignoredUntil)}`,
        deaths: sql`${change.deaths ?? null}::int`,
        ms: sql`${change.withinMs ?? null}::bigint`,
      });
    case "cause_reopened":
      return state("open", {});
    case "cause_noted":
      return sql`note = ${change.text === "" ? null : cleanRow({ text: change.text }).text}`;
    case "cause_assigned":
      return sql`owner = ${change.owner === null ? null : cleanRow({ owner: change.owner }).owner}`;
    case "cause_renamed":
      return sql`title = ${cleanRow({ title: change.title }).title}`;
  }
}

/** What the event tells, with what was there before. */
function dataOf(change: CauseChange, before: { title: string; owner: string | null; state: string }) {
  const { title } = before;
  switch (change.type) {
    case "cause_resolved":
      return { title, was: before.state, ...(change.inBuild === undefined ? {} : { inBuild: change.inBuild }) };
    case "cause_ignored":
      return {
        title,
        was: before.state,
        ...(change.untilMs === undefined ? {} : { until: new Date(change.untilMs).toISOString() }),
        ...(change.deaths === undefined ? {} : { deaths: change.deaths }),
        ...(change.withinMs === undefined ? {} : { withinMs: change.withinMs }),
      };
    case "cause_reopened":
      return { title, was: before.state };
    case "cause_noted":
      return { title, text: change.text };
    case "cause_assigned":
      return { title, owner: change.owner, was: before.owner };
    case "cause_renamed":
      return { title: change.title, was: title };
  }
}
