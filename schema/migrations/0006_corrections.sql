ALTER TABLE "dlo"."redrives" ADD COLUMN "sealed" "bytea";--> statement-breakpoint
-- A capture is no look, as an import is none: somebody handed the record over.
create or replace view dlo.first_looks as
select l.id as letter_id, l.namespace, l.workflow_id, l.job, l.queue, l.category, l.cause_id, l.status, l.first_failed_at,
  looked.at as looked_at, looked.by as looked_by, looked.type as looked_how, looked.at - l.first_failed_at as took
from dlo.dead_letters l
cross join lateral (
  select e.at, e.by, e.type from (
    (select at, by, type from dlo.events
      where letter_id = l.id and by is not null and by <> 'office' and type not in ('imported', 'captured') order by at limit 1)
    union all
    (select at, by, type from dlo.events
      where cause_id = l.cause_id and letter_id is null and by is not null and by <> 'office'
        and at >= l.first_failed_at and at <= coalesce(l.closed_at, 'infinity') order by at limit 1)
  ) as e order by e.at limit 1
) as looked;
--> statement-breakpoint
comment on column dlo.redrives.sealed is 'Inputs and patches that it was given, serialized and through the codec, where `spec` may not show them. Readers may not select it.';
comment on column dlo.reconciles.found is 'How many of what it found: lost, timed_out, unrecorded, undecodable, no_workflow, no_row, differs, succeeded.';
comment on column dlo.dead_letters.status is 'parked, retrying (open); recovered, expired, discarded, superseded (closed). Expired and discarded ones can be opened again.';
comment on column dlo.dead_letters.on_expire is 'What the end of the retention does: expire, retry, or hand_on.';
comment on column dlo.dead_letters.expiry_retries is 'Those of them that nobody asked for: by the end of the retention, or by autoRetry.';
comment on column dlo.dead_letters.maximum_retries is 'Retries that nobody asked for, at most.';
comment on column dlo.events.letter_id is 'Letter that it concerns. Null: it concerns a cause or a redrive.';
