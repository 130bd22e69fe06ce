import { createHash } from "node:crypto";
import { setTimeout } from "node:timers/promises";
import type { RedriveStop } from "../model/redrive.ts";
import type { DrivenSlice, RedriveProgress, RedriveSlice } from "../model/redrive-activities.ts";
import { room, ruleThatStops } from "../model/redrive-pace.ts";
import type { Db } from "../schema/database.ts";
import {
  type AskedEnd,
  claimItems,
  countOutcomes,
  type DueItem,
  endItems,
  type ItemEnd,
  markAsked,
  releaseItems,
  skipBehind,
  unaskedItems,
} from "../schema/drive-items.ts";
import { diedAgain, type DrivenRedrive, getRedrive, holdRedrive, turnRedrive } from "../schema/redrive-rows.ts";

/** Asks one letter. Returns its item's end where it comes to nothing; the letter tells the rest. */
export type AskLetter = (redrive: DrivenRedrive, item: DueItem) => Promise<AskedEnd | undefined>;

export type Driving = {
  readonly db: Db;
  readonly ask: AskLetter;
  /** Why the probe of this name holds it; undefined where it does not. */
  readonly probe: (name: string) => Promise<string | undefined>;
  /** Called each round: that it is alive. */
  readonly beat: () => void;
  /** Aborts where the slice is to be handed back. */
  readonly signal: AbortSignal;
};

/** How much of a rate's time may be made up for: what stalls for longer is not followed by a burst. */
const debtMs = 1_000;
/** Between two looks at what has come meanwhile. */
const [quickMs, slowMs] = [100, 1_000];
/** What is due within it goes together: at 500 a second, 25 letters for one statement. */
const batchMs = 50;
/** So often a probe is asked again. */
const probeEveryMs = 5_000;
/** Letters that are being asked at a time, and those that were taken and wait for their moment. */
const [askedAtOnce, waitingAtOnce] = [500, 20_000];

/*
 *   look: limits, state, outcomes ── count what has ended ── a rule says stop? ──▶ stopped
 *     ▲                                                     └─ nothing left?    ──▶ done
 *     │                                                     └─ due now? claim, ask
 *     └────────────── until the next is due, at most a second ─────┘
 *
 * The place is the table: whoever takes over, after whatever crash, asks first what was claimed and perhaps not asked. The
 * letters know the request ids, so that asking twice changes nothing.
 *
 * Item k is due at start + k / rate: a pause of 1 / rate after each would add up the time that asking takes.
 */
export async function driveSlice(driving: Driving, slice: RedriveSlice): Promise<DrivenSlice> {
  const { db, signal, beat } = driving;
  const { redriveId } = slice;
  const until = Date.now() + slice.sliceMs;
  const asking = openAsking(driving, redriveId);
  let nextDueMs = slice.nextDueMs ?? Date.now();
  let pauseMs = quickMs;
  let rate: number | undefined;
  let seen = "";
  let held: string | undefined;
  let probedAtMs = 0;
  let goesOn = false;
  try {
    const first = await getRedrive(db, redriveId);
    for (const item of await unaskedItems(db, redriveId, first.spec.amend !== null)) await asking.begin(first, item);
    for (;;) {
      beat();
      await asking.flush();
      const redrive = await judge(db, await counted(db, redriveId));
      const { limits, counts, status } = redrive;
      const ended = (why: DrivenSlice["ended"]): DrivenSlice => ({ ...progressOf(redrive), ended: why, nextDueMs });
      if (status !== "running") return ended("control");
      if (isDone(redrive) && asking.idle()) return ended("done");
      if (signal.aborted || Date.now() >= until) {
        goesOn = true;
        return ended("slice");
      }
      if (isSettled(redrive) && counts.waiting > 0) await skipBehind(db, redriveId);

      const intervalMs = 1000 / limits.rate;
      // The next one is due by the new rate, counted from the last one.
      if (rate !== undefined && rate !== limits.rate) nextDueMs = Math.min(nextDueMs, Date.now() + intervalMs);
      rate = limits.rate;
      const nowMs = Date.now();
      nextDueMs = Math.max(nextDueMs, nowMs - debtMs);
      const due = nowMs < nextDueMs ? 0 : Math.floor((nowMs - nextDueMs) / intervalMs) + 1;
      if (redrive.spec.when !== null && nowMs - probedAtMs > probeEveryMs) {
        held = await beatingOn(driving, driving.probe(redrive.spec.when));
        await holdRedrive(db, redriveId, held ?? null);
        probedAtMs = Date.now();
      }
      const free = held !== undefined ? 0 : Math.min(room(redrive.spec, limits, counts), asking.free());
      const items =
        due === 0 || free <= 0 ? [] : await claimItems(db, redriveId, Math.min(due, free), withInput(redrive));
      // What there was no room for, or nothing to claim, is not owed.
      nextDueMs =
        items.length < due ? Math.max(nextDueMs + items.length * intervalMs, nowMs) : nextDueMs + due * intervalMs;
      for (const item of items) await asking.begin(redrive, item);
      const now = JSON.stringify(counts);
      pauseMs = items.length > 0 || now !== seen ? quickMs : Math.min(pauseMs * 1.5, slowMs);
      seen = now;
      await asking.pause(Math.max(batchMs, Math.min(nextDueMs - Date.now(), pauseMs, until - Date.now())), free > 0);
    }
  } finally {
    await asking.end(goesOn || signal.aborted);
  }
}

/** A probe may take longer than whoever listens for beats has patience. */
async function beatingOn<T>({ beat }: Driving, work: Promise<T>): Promise<T> {
  const beats = setInterval(beat, slowMs);
  return await work.finally(() => clearInterval(beats));
}

/** Looks, and counts what has ended since the last look. */
async function counted(db: Db, redriveId: string): Promise<DrivenRedrive> {
  const redrive = await getRedrive(db, redriveId);
  if (redrive.uncounted === 0) return redrive;
  await countOutcomes(db, redriveId);
  return await getRedrive(db, redriveId);
}

/** Stops it where a rule says so. */
async function judge(db: Db, redrive: DrivenRedrive): Promise<DrivenRedrive> {
  const { id, spec, limits, counts, judged, status } = redrive;
  const rule = status === "running" ? ruleThatStops(spec, limits, counts, judged) : undefined;
  if (rule === undefined) return redrive;
  const stop: RedriveStop = { ...rule, letters: await diedAgain(db, id, toldLetters) };
  await turnRedrive(db, id, {
    ...{ from: ["running"], to: "stopped", stop, event: "redrive_stopped", by: "office", reason: rule.why },
    data: { rule: rule.rule, letters: stop.letters },
  });
  return await getRedrive(db, id);
}

const toldLetters = 10;

/** Whether every item has its outcome, or the wait for the last ones is over. */
function isDone(redrive: DrivenRedrive): boolean {
  const { waiting, running } = redrive.counts;
  return waiting === 0 && (running === 0 || isSettled(redrive));
}

/** Whether nothing was asked for so long that what runs is not waited for any more. */
function isSettled({ lastBegunAt, spec }: DrivenRedrive): boolean {
  return lastBegunAt !== null && Date.now() - lastBegunAt.getTime() > spec.settleMs;
}

export function progressOf({ status, counts, limits, stop }: DrivenRedrive): RedriveProgress {
  return { status, counts, limits, ...(stop === null ? {} : { stop }) };
}

function withInput({ spec }: DrivenRedrive): boolean {
  return spec.amend !== null;
}

/** Letters that are being asked or wait for their moment, and what has come of the asking; written in batches. */
function openAsking({ db, ask, signal, beat }: Driving, redriveId: string) {
  const open = new Set<Promise<void>>();
  const [asked, left, ends]: [number[], number[], ItemEnd[]] = [[], [], []];
  /** Ends the wait of those whose moment has not come. */
  const over = new AbortController();
  const stops = AbortSignal.any([signal, over.signal]);
  let waiting = 0;
  let failure: { readonly error: unknown } | undefined;
  const askOne = async (redrive: DrivenRedrive, item: DueItem) => {
    try {
      const delayMs = momentOf(redrive, item);
      // Postgres's clock may be ahead of this one.
      const waitMs = Math.min(delayMs, item.begunAtMs + delayMs - Date.now());
      if (waitMs > 0) {
        waiting++;
        await sleep(waitMs, stops);
        waiting--;
        if (stops.aborted) return void left.push(item.n);
      }
      const end = await ask(redrive, item);
      if (end === undefined) asked.push(item.n);
      else ends.push({ n: item.n, ...end });
    } catch (error) {
      failure ??= { error };
    }
  };
  const write = async () =>
    await Promise.all([markAsked(db, redriveId, asked.splice(0)), endItems(db, redriveId, ends.splice(0))]);
  return {
    /** How many more may be begun. */
    free: () => Math.min(askedAtOnce - (open.size - waiting), waitingAtOnce - waiting),
    idle: () => open.size === 0 && asked.length === 0 && ends.length === 0,
    async flush(): Promise<void> {
      await write();
      if (failure !== undefined) throw failure.error;
    },
    async begin(redrive: DrivenRedrive, item: DueItem): Promise<void> {
      while (open.size - waiting >= askedAtOnce) await Promise.race(open);
      const one = askOne(redrive, item).finally(() => open.delete(one));
      open.add(one);
    },
    /** Waits so long; where there was no room, at most until one has been asked. */
    async pause(ms: number, hasRoom: boolean): Promise<void> {
      await Promise.race([sleep(ms, signal), ...(hasRoom || open.size === 0 ? [] : open)]);
    },
    /**
     * What is being asked is asked to its end: the next slice should not have to ask again. What waits for its moment goes on to
     * wait in the next slice, or, where the redrive does not go on, is given back.
     */
    async end(goesOn: boolean): Promise<void> {
      over.abort();
      const beats = setInterval(beat, slowMs);
      await Promise.all(open).finally(() => clearInterval(beats));
      await write();
      if (!goesOn) await releaseItems(db, redriveId, left);
    },
  };
}

/** How much later than its turn an item is asked: the same whoever asks. */
function momentOf({ id, limits }: DrivenRedrive, { n }: DueItem): number {
  if (limits.jitterMs === 0) return 0;
  const share = createHash("sha256").update(`${id}/${n}`).digest().readUInt32BE() / 2 ** 32;
  return share * limits.jitterMs;
}

async function sleep(ms: number, signal: AbortSignal): Promise<void> {
  await setTimeout(ms, undefined, { signal }).catch(() => undefined);
}
