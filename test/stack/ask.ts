import { Client, Connection } from "@temporalio/client";
import postgres from "postgres";
import type { StackInfo } from "../../stack/stack-info.ts";

/** Leaves one row in Postgres and one running workflow in Temporal. */
export async function leaveTraces(info: StackInfo, name: string): Promise<void> {
  await withSql(info, async (sql) => {
    await sql`create table if not exists traces (name text primary key)`;
    await sql`insert into traces values (${name})`;
  });
  await withClient(info, async (client) => {
    await client.workflow.start("nobody-runs-it", { workflowId: name, taskQueue: "nobody", args: [] });
  });
}

/** What `leaveTraces` left: names in Postgres, and those of them that Temporal knows as running. */
export async function findTraces(info: StackInfo): Promise<{ rows: string[]; workflows: string[] }> {
  const rows = await withSql(info, async (sql) =>
    (await sql<{ name: string }[]>`select name from traces order by name`).map((row) => row.name),
  );
  const workflows = await withClient(info, async (client) => {
    const found = await Promise.all(rows.map((name) => client.workflow.getHandle(name).describe()));
    return found.filter((workflow) => workflow.status.name === "RUNNING").map((workflow) => workflow.workflowId);
  });
  return { rows, workflows };
}

export async function withClient<Answer>(info: StackInfo, ask: (client: Client) => Promise<Answer>): Promise<Answer> {
  const connection = await Connection.connect({ address: info.temporal.address });
  try {
    return await ask(new Client({ connection, namespace: info.temporal.namespace }));
  } finally {
    await connection.close();
  }
}

export async function withSql<Answer>(info: StackInfo, ask: (sql: postgres.Sql) => Promise<Answer>): Promise<Answer> {
  const sql = postgres(info.postgres.url, { max: 1, onnotice: () => undefined });
  try {
    return await ask(sql);
  } finally {
    await sql.end();
  }
}
