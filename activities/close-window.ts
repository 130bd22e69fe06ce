import type { Client } from "@temporalio/client";
import { nextSpan, type Span } from "./next-span.ts";
import { at, countRuns, type VisibleRun, visibleRuns } from "./visible-runs.ts";

const windowRuns = 500;

/** Runs that closed in a span, in the order in which they did. */
export type ClosedWindow = { readonly runs: readonly VisibleRun[]; readonly untilMs: number };

/**
 * The next window of runs that fit a query and closed in a span.
 *
 * @param most runs that a window holds
 */
export async function closedWindow(
  client: Client,
  query: string,
  span: Span,
  most = windowRuns,
): Promise<ClosedWindow> {
  const within = (fromMs: number, untilMs: number) =>
    `(${query}) AND CloseTime >= ${at(fromMs)} AND CloseTime < ${at(untilMs)}`;
  const count = async (fromMs: number, untilMs: number) => await countRuns(client, within(fromMs, untilMs));
  const { fromMs, untilMs, isEmpty } = await nextSpan(count, span, { most });
  return { untilMs, runs: isEmpty ? [] : inOrder(await allRuns(client, within(fromMs, untilMs))) };
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
