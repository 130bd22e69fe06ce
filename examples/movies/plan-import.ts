import type { Dlo } from "dead-letter-office/client";
import type { Catalogue } from "./catalogue.ts";
import { importMovie } from "./import-movie.ts";
import { isOpen, lettersOfImport } from "./letters-of-import.ts";
import { type RawMovie, recordId } from "./records.ts";

export type WantedRecord = { readonly id: string; readonly record: RawMovie };

export type Plan = {
  /** Those that nobody has tried, or whose letters were closed without a success. */
  readonly toStart: readonly WantedRecord[];
  /** Job ids that an earlier import, which was interrupted, has left running. */
  readonly toFollow: readonly string[];
  /** Skipped, as the catalogue has them. */
  readonly stored: number;
  /** Skipped, as an open letter has them. */
  readonly parked: number;
};

/** Finds what is left to do, so that a second import does no harm. */
export async function planImport(dlo: Dlo, catalogue: Catalogue, records: readonly RawMovie[]): Promise<Plan> {
  const wanted = records.map((record, index): WantedRecord => ({ id: recordId(index), record }));
  const ids = new Set(wanted.map(({ id }) => id));
  // In this order, so that a job that ends while we look is seen at least once.
  const running = await runningJobs(dlo);
  const open = new Set((await lettersOfImport(dlo)).filter(isOpen).map(({ workflowId }) => workflowId));
  const stored = await storedKeys(catalogue);

  const parked = wanted.filter(({ id }) => open.has(id));
  const toFollow = running.filter((id) => ids.has(id) && !open.has(id));
  const done = wanted.filter(({ id }) => stored.has(id) && !open.has(id) && !toFollow.includes(id));
  const settled = new Set([...parked, ...done].map(({ id }) => id).concat(toFollow));
  return {
    toStart: wanted.filter(({ id }) => !settled.has(id)),
    toFollow,
    stored: done.length,
    parked: parked.length,
  };
}

async function runningJobs(dlo: Dlo): Promise<string[]> {
  const query = `WorkflowType = '${importMovie.name}' AND ExecutionStatus = 'Running'`;
  const ids: string[] = [];
  for await (const { workflowId } of dlo.temporal.workflow.list({ query })) ids.push(workflowId);
  return ids;
}

async function storedKeys(catalogue: Catalogue): Promise<Set<string>> {
  const response = await fetch(`${catalogue.url}/movies`);
  return new Set(((await response.json()) as { key: string }[]).map(({ key }) => key));
}
