import type { Client } from "@temporalio/client";
import { at, countRuns, type VisibleRun, visibleRuns } from "./visible-runs.ts";

/** A window that is as short as this is read to its end, however many there are. */
const shortestMs = 1_000;

const windowRuns = 500;

/** Runs that closed in a span, in the order in which they did. */
export type ClosedWindow = { readonly runs: readonly VisibleRun[]; readonly untilMs: number };

/**
 * The next window of runs that fit a query and closed in a span. Temporal lists them in no order, so that a place can only be kept
 * as a moment: the span is halved until what it holds is few enough. One count where there is nothing.
 *
 * @param most runs that a window holds
 */
export async function closedWindow(
  client: Client,
  query: string,
  span: { readonly fromMs: number; readonly untilMs: number },
  most = windowRuns,
): Promise<ClosedWindow> {
  const { fromMs } = span;
  for (let untilMs = span.untilMs; ; untilMs = fromMs + Math.ceil((untilMs - fromMs) / 2)) {
    const inWindow = `(${query}) AND CloseTime >= ${at(fromMs)} AND CloseTime < ${at(untilMs)}`;
    const count = await countRuns(client, inWindow);
    if (count === 0) return { runs: [], untilMs };
    if (count > most && untilMs - fromMs > shortestMs) continue;
    return { runs: inOrder(await allRuns(client, inWindow)), untilMs };
  }
}

/** All runs that fit a query: for what is known to be bounded. */
export async function allRuns(client: Client, query: string): Promise<VisibleRun[]> {
  const runs = new Map<string, VisibleRun>();
  for (let token: Uint8Array | undefined; ;) {
    const page = await visibleRuns(client, query, { size: 1000, ...(token === undefined ? {} : { token }) });
    for (const run of page.runs) runs.set(run.runId, run);
    if (page.next === undefined) return [...runs.values()];
    token = page.next;
  }
}

function inOrder(runs: readonly VisibleRun[]): VisibleRun[] {
  return runs.toSorted((a, b) => (a.closedAtMs ?? 0) - (b.closedAtMs ?? 0));
}
