import { jobWorkflowIdOf, letterType } from "../../model/ids.ts";
import type { LetterState } from "../../model/letter-state.ts";
import { letterHeadColumns, type LetterHead } from "../../schema/rows.ts";
import { differences } from "../../schema/settle-letter.ts";
import { openDatabase } from "../../schema/database.ts";
import { deadLetters } from "../../schema/tables.ts";
import type { World } from "../setup/world.ts";

/** What Temporal and Postgres tell of letters, asked of each by itself; empty where they agree. */
export async function disagreements(world: World): Promise<string[]> {
  await using database = openDatabase(world.databaseUrl, { connections: 1 });
  const rows: LetterHead[] = await database.db.select(letterHeadColumns).from(deadLetters);
  const open = new Map(rows.filter(({ closedAt }) => closedAt === null).map((row) => [row.workflowId, row]));
  const found: string[] = [];
  const running = new Set<string>();
  const { workflow } = world.dlo.temporal;
  for await (const { workflowId } of workflow.list({
    query: `WorkflowType = '${letterType}' AND ExecutionStatus = 'Running'`,
  })) {
    const id = jobWorkflowIdOf(workflowId) as string;
    running.add(id);
    const state = await workflow.getHandle(workflowId).query<LetterState>("state");
    const row = open.get(id);
    if (row === undefined) found.push(`${id}: its letter runs, and has no open row`);
    else if (row.id !== state.letterId) found.push(`${id}: its row is ${row.id}, its workflow's ${state.letterId}`);
    else {
      const differs = differences(row, { state });
      if (differs.length > 0) found.push(`${id}: ${differs.join(", ")}`);
    }
  }
  for (const id of open.keys()) if (!running.has(id)) found.push(`${id}: its row is open, and its letter does not run`);
  const deaths = await world.sql`select workflow_id || ' ' || run_id as run from dlo.deaths`;
  const recorded = new Set(deaths.map(({ run }) => run as string));
  for await (const run of workflow.list({ query: "WorkflowType = 'deliver' AND ExecutionStatus = 'Failed'" }))
    if (!recorded.has(`${run.workflowId} ${run.runId}`)) found.push(`${run.workflowId}: a death is not recorded`);
  const [counted] = await world.sql`
    select count(*)::int as letters from dlo.dead_letters l
    where deaths <> (select count(*) from dlo.deaths d where d.letter_id = l.id)`;
  if (counted?.["letters"] !== 0) found.push(`${counted?.["letters"]} letters count other deaths than they have`);
  return found;
}
