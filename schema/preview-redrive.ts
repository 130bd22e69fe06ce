import { sql } from "drizzle-orm";
import type { SQL } from "drizzle-orm";
import type { RedriveSpec } from "../model/redrive.ts";
import { policyChange } from "../model/policy-change.ts";
import type { QueuePolicy } from "../model/queue-policy.ts";
import type { PreviewedLetter, PreviewedPolicy, RedrivePreview } from "../model/redrive-activities.ts";
import type { Db } from "./database.ts";
import type { Kind } from "./kinds.ts";
import { endedUnder, policyGroups } from "./policy-groups.ts";
import type { LetterPolicy } from "./policy-of-row.ts";
import { classified, membersOf, orderOf } from "./snapshot-redrive.ts";
import { translatingErrors } from "./translate-error.ts";

export type PreviewSample = Omit<PreviewedLetter, "input" | "amended" | "refused"> & {
  readonly payloadData: Uint8Array | null;
};

const [samples, samplesEach] = [20, 3];

/**
 * What a snapshot of these letters would hold, counted; nothing is written.
 *
 * @param policyFor the policy that letters of a queue have now, where it is the policy that changes
 */
export async function previewRedrive(
  db: Db,
  spec: RedriveSpec,
  namespace: string,
  policyFor: PolicyFor,
): Promise<Omit<RedrivePreview, "samples"> & { readonly samples: readonly PreviewSample[] }> {
  const { first, order } = spec;
  const looked = sql`
    select l.*, o.redrive_id as other from (${classified(spec, membersOf(spec, namespace))}) as l
    left join dlo.redrive_items o on o.letter_id = l.id and o.state in ('behind', 'waiting', 'running') and l.code is null`;
  const taking = sql`from (${looked}) as looked where code is null and other is null`;
  return await translatingErrors(db, async () => {
    const leavesOut = await db.execute<{ code: string; why: string; letters: number; samples: string[] }>(sql`
      select code, why, count(*)::int as letters, (array_agg(id::text order by id))[1:${sql.raw(String(samplesEach))}] as samples
      from (
        select id, coalesce(code, 'in_other_redrive') as code, coalesce(why, 'it is in redrive ' || other) as why
        from (${looked}) as looked where code is not null or other is not null
      ) as out
      group by 1, 2 order by 3 desc, 1, 2`);
    const [counted] = await db.execute<{ takes: number }>(sql`select count(*)::int as takes ${taking}`);
    const taken = await db.execute<RawSample>(sql`
      select s.id, s.workflow_id, s.job, s.task_queue, s.error_type, s.error_message, d.kind, d.payload_data
      from (
        select *, row_number() over (order by ${orderOf(order)}) as n ${taking} order by n limit ${samples}
      ) as s join dlo.dead_letters d on d.id = s.id order by s.n`);
    const takes = counted?.takes ?? 0;
    return {
      takes: first === null ? takes : Math.min(first, takes),
      leavesOut,
      samples: taken.slice(0, first ?? samples).map(sampleOf),
      ...(spec.command.name === "applyPolicy" && {
        policies: await changedPolicies(
          db,
          sql`select id ${taking} order by ${orderOf(order)} limit ${first}`,
          policyFor,
        ),
      }),
    };
  });
}

/** The policy that a letter would get now. */
export type PolicyFor = (letter: Pick<LetterPolicy, "queue" | "own">) => QueuePolicy;

/** What changes, the most letters first; what changes alike in a queue is one, whatever the letters had of their own. */
async function changedPolicies(db: Db, ids: SQL, policyFor: PolicyFor): Promise<PreviewedPolicy[]> {
  const groups = (await policyGroups(db, ids)).flatMap((group) => {
    const change = policyChange(group.policy, policyFor(group));
    return change === undefined ? [] : [{ ...group, change }];
  });
  const shorter = groups.flatMap((group) => {
    const toMs = group.change.retentionMs?.is;
    return typeof toMs === "number" ? [{ ...group, toMs }] : [];
  });
  const ended = await endedUnder(db, ids, shorter);
  const changed = new Map<string, PreviewedPolicy>();
  const add = (one: PreviewedPolicy) => {
    const key = JSON.stringify([one.queue, one.change]);
    const before = changed.get(key) ?? { ...one, letters: 0, ended: 0 };
    changed.set(key, { ...before, letters: before.letters + one.letters, ended: before.ended + one.ended });
  };
  for (const { queue, letters, change } of groups) add({ queue, letters, change, ended: 0 });
  for (const [i, { queue, change }] of shorter.entries()) add({ queue, letters: 0, change, ended: ended[i] ?? 0 });
  return [...changed.values()].toSorted((one, other) => other.letters - one.letters).slice(0, mostPolicies);
}

/** They pass through Temporal. */
const mostPolicies = 200;

type RawSample = {
  id: string;
  workflow_id: string;
  job: string;
  task_queue: string;
  error_type: string;
  error_message: string;
  kind: Kind;
  payload_data: Uint8Array | null;
};

function sampleOf({
  id,
  workflow_id,
  job,
  task_queue,
  error_type,
  error_message,
  kind,
  payload_data,
}: RawSample): PreviewSample {
  return {
    ...{ letterId: id, workflowId: workflow_id, job, taskQueue: task_queue },
    ...{ errorType: error_type, errorMessage: error_message, payloadData: payload_data },
    ...foreignKind(kind),
  };
}

/** What is no job says so: its inputs are nobody's to check. */
function foreignKind(kind: Kind): Pick<PreviewSample, "kind"> {
  return kind === "workflow" || kind === "activity" ? { kind } : {};
}
