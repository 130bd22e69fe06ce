import { searchAttributes } from "../model/search-attributes.ts";
import { skippedMark } from "../model/skipped.ts";
import type { LetterHead } from "../schema/rows.ts";
import type { OfficeNeeds } from "./office-needs.ts";
import { at, listed, quoted, type VisibleRun, visibleRuns } from "./visible-runs.ts";

type Needs = Pick<OfficeNeeds, "client" | "searchAttributes">;
type Row = Pick<LetterHead, "workflowId" | "workflowType" | "supersededBy" | "key" | "failedAt">;

/**
 * Runs of these letters' jobs that are under way or have succeeded, by id and by key: of each letter at least one where there are any.
 *
 * One page a query, since a single id may have succeeded a hundred thousand times. What does not fit is asked for again, by halves.
 *
 * @param size of a page
 */
export async function runsOfJobs(
  needs: Needs,
  rows: readonly Row[],
  beat: () => void,
  size = 1000,
): Promise<VisibleRun[]> {
  const someOfEach = async (of: readonly Row[], query: (of: readonly Row[]) => string): Promise<VisibleRun[]> => {
    beat();
    const { runs, next } = await visibleRuns(needs.client, query(of), { size });
    if (next === undefined || of.length === 1) return [...runs];
    const half = Math.ceil(of.length / 2);
    return [...(await someOfEach(of.slice(0, half), query)), ...(await someOfEach(of.slice(half), query))];
  };
  const byId = await someOfEach(rows, (of) => {
    const ids = `WorkflowId IN ${listed(of.map(({ workflowId }) => workflowId))}`;
    return `${ids} AND (ExecutionStatus = 'Running' OR (${succeededSince(of)}))`;
  });
  const keyed = rows.filter(({ supersededBy, key }) => supersededBy === "key" && key !== null);
  if (keyed.length === 0 || !needs.searchAttributes.includes(searchAttributes.key)) return byId;
  const byKey = await someOfEach(keyed, (of) => {
    const keys = `${searchAttributes.key} IN ${listed([...new Set(of.map(({ key }) => key ?? ""))])}`;
    const types = `WorkflowType IN ${listed([...new Set(of.map(({ workflowType }) => workflowType))])}`;
    return `${keys} AND ${types} AND ${succeededSince(of)} AND ${notSkipped}`;
  });
  return [...byId, ...byKey];
}

/** What another run's policy has skipped has not done what the letter is about. */
const notSkipped = `(TemporalChangeVersion IS NULL OR TemporalChangeVersion != ${quoted(skippedMark)})`;

function succeededSince(rows: readonly Row[]): string {
  const since = at(Math.min(...rows.map(({ failedAt }) => failedAt.getTime())));
  return `ExecutionStatus = 'Completed' AND CloseTime >= ${since}`;
}
