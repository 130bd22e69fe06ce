import type { Dlo, Redrive } from "../client/index.ts";
import { isOver } from "../model/redrive.ts";
import { endedCount } from "../model/redrive-details.ts";
import { openLiveView } from "./live-view.ts";
import { notice, type Output, print, printJson } from "./output-flag.ts";
import { ownCommand } from "./own-command.ts";
import { forceHint } from "./redrive-preview.ts";
import { balanceText, progressBlock, progressLine } from "./redrive-progress.ts";
import { shortId } from "./short-ids.ts";
import { stopSignal } from "./until-signal.ts";

/**
 * Shows a redrive until it has ended or stopped, live on a terminal and as lines elsewhere. Ctrl-C ends the showing alone.
 *
 * Sets the exit code to 1 where it stopped, was cancelled, or could take none of its letters.
 */
export async function followRedrive(dlo: Dlo, id: string, output: Output): Promise<void> {
  const view = openLiveView(process.stderr);
  const stopping = stopSignal(() => undefined);
  const over = new AbortController();
  const meter = openMeter();
  let last: Redrive | undefined;
  let [saidAt, saidStatus] = [0, ""];
  const look = async () => {
    const redrive = await dlo.redrives.get(id);
    const perSecond = meter(redrive);
    if (output === "jsonl" && JSON.stringify(redrive) !== JSON.stringify(last)) printJson("jsonl", redrive);
    last = redrive;
    if (isOver(redrive)) over.abort();
    if (process.stderr.isTTY) return { block: progressBlock(redrive, perSecond, process.stderr), news: [] };
    if (redrive.status === saidStatus && Date.now() - saidAt < lineMs) return { block: [], news: [] };
    [saidAt, saidStatus] = [Date.now(), redrive.status];
    return { block: [], news: [progressLine(redrive, perSecond)] };
  };
  let isOverNow = false;
  try {
    await view.watch(look, AbortSignal.any([stopping.signal, over.signal]));
    isOverNow = over.signal.aborted;
  } finally {
    view.close();
    stopping.off();
    // Also where the database was lost: what is shown has ended, not the redrive.
    if (!isOverNow) notice(`It goes on by itself. ${howToFollow(id)} · to pause it: ${steering("pause", id)}`);
  }
  if (last !== undefined) await sayLast(dlo, last, output);
}

export function howToFollow(id: string): string {
  return `To follow it: ${steering("show", id)} --follow`;
}

async function sayLast(dlo: Dlo, redrive: Redrive, output: Output): Promise<void> {
  if (output === "table") print(balanceText(redrive));
  if (output === "json") printJson("json", redrive);
  if (!isOver(redrive)) return;
  const noneTaken = isNoneTaken(redrive);
  if (redrive.status !== "completed" || noneTaken) process.exitCode = 1;
  if (!noneTaken) return;
  const left = await dlo.redrives.items(redrive.id, { limit: 1000 });
  if (left.every(({ code }) => code === "needs_person")) notice(forceHint);
}

/** Whether there were letters, and nothing came of any: all were left out or refused. */
function isNoneTaken({ counts }: Redrive): boolean {
  return counts.items > 0 && counts.items === counts.refused + counts.skipped;
}

function steering(name: string, id: string): string {
  return `${ownCommand} redrive ${name} ${shortId(id)}`;
}

/** In a pipe, a line for each change of state, and so often between. */
const lineMs = 10_000;

/** Letters a second, over the last half minute. */
function openMeter(): (redrive: Redrive) => number | undefined {
  const seen: { readonly atMs: number; readonly ended: number }[] = [];
  return ({ counts }) => {
    const now = { atMs: Date.now(), ended: endedCount(counts) };
    seen.push(now);
    while (seen.length > 30) seen.shift();
    const [first] = seen;
    return first === undefined || first.atMs === now.atMs
      ? undefined
      : ((now.ended - first.ended) * 1000) / (now.atMs - first.atMs);
  };
}
