import { sql } from "drizzle-orm";
import { cleanRow } from "./clean-row.ts";
import type { Db } from "./database.ts";
import { translatingErrors } from "./translate-error.ts";

type Run = { readonly workflowId: string; readonly runId: string };

/** Those of some runs whose death is not recorded. Index: `deaths_once`. */
export async function unrecordedRuns<Of extends Run>(db: Db, namespace: string, runs: readonly Of[]): Promise<Of[]> {
  if (runs.length === 0) return [];
  const asked = JSON.stringify(runs.map(({ workflowId, runId }, n) => cleanRow({ n, workflowId, runId })));
  return await translatingErrors(db, async () => {
    const rows = await db.execute<{ n: number }>(sql`
      select run.n from jsonb_to_recordset(${asked}::jsonb) as run (n int, "workflowId" text, "runId" text)
      where not exists (
        select from dlo.deaths d
        where d.workflow_id = run."workflowId" and d.namespace = ${namespace} and d.run_id = run."runId")
      order by run.n`);
    return rows.flatMap(({ n }) => runs[n] ?? []);
  });
}
