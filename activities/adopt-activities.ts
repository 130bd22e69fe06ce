import { AssertionError } from "node:assert";
import { Context } from "@temporalio/activity";
import {
  addSeen,
  type AdoptActivities,
  type AdoptedRun,
  type AdoptSeen,
  nothingSeen,
} from "../model/adopt-activities.ts";
import type { Adoption, NotAdopted } from "../model/adopt.ts";
import type { AdoptPolicies } from "../model/adopt-policy.ts";
import { activityIdOf } from "../model/ids.ts";
import { beginAdoption, endAdoption, findAdoption, sweptTo, watchedUntil } from "../schema/adoption-rows.ts";
import { adoptRun, healKnown } from "./adopt-run.ts";
import { type FoundRun, isSupported, pageRows, type Visibility, visibilityOf } from "./found-run.ts";
import { grpcAnswer, invalidArgument } from "../model/grpc-answer.ts";
import { inLanes } from "./in-lanes.ts";
import { judgeRuns, type Verdict } from "./judge-runs.ts";
import { nextSpan } from "./next-span.ts";
import type { OfficeNeeds } from "./office-needs.ts";
import { translated } from "./translated.ts";

export type AdoptNeeds = OfficeNeeds & { readonly policies: AdoptPolicies };

/** Visibility may hear of an end a moment late. */
const overlapMs = 60_000;

/** Runs that are adopted at once. */
const lanes = 8;

/** Whoever looks long for the next ones beats meanwhile. */
const beatMs = 2_000;

/** What an adoption does to Postgres, Temporal and letters. Each is safe to repeat: what has its letter is known. */
export function adoptActivities(needs: AdoptNeeds): AdoptActivities {
  const { db, client } = needs;
  const { namespace } = client.options;
  return {
    beginAdoption: async (adoption) =>
      await translated(async () => {
        const { id, watch, what, dryRun, asOfMs } = adoption;
        if (!(await isSupported(client, what))) return { fromMs: asOfMs };
        if (!dryRun) await beginAdoption(db, adoption, namespace);
        const own = dryRun ? undefined : (await findAdoption(db, id))?.sweptUntil;
        if (own) return { fromMs: own.getTime() };
        const before = watch === null ? undefined : await watchedUntil(db, watch, namespace);
        return { fromMs: before === undefined ? 0 : before.getTime() - overlapMs };
      }),

    adoptRuns: async ({ adoption, fromMs, sliceMs }) =>
      await translated(async () => {
        const { heartbeat, cancellationSignal } = Context.current();
        const beating = setInterval(() => heartbeat(), beatMs);
        try {
          const until = Date.now() + sliceMs;
          const visibility = visibilityOf(client, adoption);
          let seen = nothingSeen;
          let atMs = await begin(needs, adoption, fromMs);
          let widthMs = adoption.asOfMs - atMs;
          while (atMs < adoption.asOfMs && Date.now() < until && !cancellationSignal.aborted) {
            const span = await nextSpan(
              visibility.count,
              { fromMs: atMs, untilMs: adoption.asOfMs },
              { most: pageRows, widthMs },
            );
            // The next one is likely to be as full.
            widthMs = (span.untilMs - atMs) * 2;
            const found = span.isEmpty ? nothingSeen : await adoptSpan(needs, adoption, visibility, atMs, span.untilMs);
            if (!adoption.dryRun) await sweptTo(db, adoption.id, { untilMs: span.untilMs, ...found });
            seen = addSeen(seen, found);
            atMs = span.untilMs;
          }
          return { seen, untilMs: atMs };
        } finally {
          clearInterval(beating);
        }
      }),

    finishAdoption: async ({ adoption, seen }) =>
      await translated(async () => {
        const { id, dryRun, what } = adoption;
        const unsupported = (await isSupported(client, what)) ? {} : { unsupported: true as const };
        if (dryRun) return { id, dryRun, ...unsupported, ...seen };
        // Spans that a crash took from the workflow's own sum are in the row.
        const row = await findAdoption(db, id);
        await endAdoption(db, id);
        return { id, dryRun, ...unsupported, ...seen, ...(row && { adopted: row.adopted, skipped: row.skipped }) };
      }),
  };
}

/** Behind what an interrupted try of the same slice has done. */
async function begin({ db }: AdoptNeeds, { id, dryRun }: Adoption, fromMs: number): Promise<number> {
  const swept = dryRun ? undefined : (await findAdoption(db, id))?.sweptUntil;
  return Math.max(fromMs, swept?.getTime() ?? 0);
}

async function adoptSpan(
  needs: AdoptNeeds,
  adoption: Adoption,
  visibility: Visibility,
  fromMs: number,
  untilMs: number,
): Promise<AdoptSeen> {
  let seen = nothingSeen;
  for await (const page of visibility.list(fromMs, untilMs)) {
    const judge = await judgeRuns(needs, adoption.what, page);
    // Oldest first, as they happened; of one id one after the other.
    const runs = page.toSorted((one, other) => one.closedAtMs - other.closedAtMs);
    const parts = await inLanes(
      runs,
      lanes,
      async (run) => await orRefused(run, async () => await take(needs, adoption, run, await judge(run))),
    );
    for (const part of parts) seen = addSeen(seen, part);
  }
  return seen;
}

/** One of which no letter can be made holds up no other; where Postgres or Temporal does not answer, all of it is tried again. */
async function orRefused(run: FoundRun, work: () => Promise<AdoptSeen>): Promise<AdoptSeen> {
  try {
    return await work();
  } catch (error) {
    if (!isAboutTheRun(error)) throw error;
    return left(run, "refused", error.message);
  }
}

/** What no repeat can change, and that alone, since what a watch has passed it does not see again. */
function isAboutTheRun(error: unknown): error is Error {
  if (error instanceof AssertionError) return true;
  return grpcAnswer(error)?.code === invalidArgument;
}

async function take(needs: AdoptNeeds, adoption: Adoption, run: FoundRun, verdict: Verdict): Promise<AdoptSeen> {
  if ("why" in verdict) {
    const { why, death, said } = verdict;
    // Of this very adoption, before a crash.
    const isOwn = death !== undefined && death.adoption === adoption.id;
    if (death !== undefined && !adoption.dryRun) await healKnown(needs, run, death);
    return isOwn ? adopted(run, death.queue, death.letterId) : left(run, why, said);
  }
  const { queue } = verdict.adopt;
  if (adoption.dryRun) return adopted(run, queue);
  const done = await adoptRun(needs, run, verdict.adopt, adoption.id);
  if (typeof done === "string") return left(run, done);
  return done.isNew ? adopted(run, queue, done.letterId) : left(run, "known");
}

function adopted(run: FoundRun, queue: string, letterId?: string): AdoptSeen {
  const { runId, type, taskQueue, status: ended, closedAtMs } = run;
  const sample: AdoptedRun = {
    ...{ id: ownId(run), runId, type, taskQueue, queue, ended, closedAt: new Date(closedAtMs).toISOString() },
    ...(letterId === undefined ? {} : { letterId }),
  };
  return { ...nothingSeen, adopted: 1, groups: [{ type, queue, count: 1 }], samples: [sample] };
}

function left(run: FoundRun, why: NotAdopted, said?: string): AdoptSeen {
  const { runId, type } = run;
  const told = { id: ownId(run), runId, type, why, ...(said === undefined ? {} : { said: said.slice(0, 500) }) };
  return { ...nothingSeen, skipped: { [why]: 1 }, left: [told] };
}

function ownId({ jobId, info }: FoundRun): string {
  return info === undefined ? activityIdOf(jobId) : jobId;
}
