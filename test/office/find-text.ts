import type { Client } from "@temporalio/client";

/**
 * Where a text stands in the history of a workflow's runs, and in what its pending activities last said: as paths such as
 * `workflowExecutionStartedEventAttributes.input`. Bytes are looked at as text.
 */
export async function placesOf(text: string, client: Client, workflowId: string): Promise<string[]> {
  const places = new Set<string>();
  for (const runId of await runsOf(client, workflowId)) {
    const { events } = await client.workflow.getHandle(workflowId, runId).fetchHistory();
    for (const event of events ?? []) for (const place of find(text, event, [])) places.add(place);
    const { raw } = await client.workflow.getHandle(workflowId, runId).describe();
    for (const place of find(text, raw.pendingActivities, ["pendingActivities"])) places.add(place);
  }
  return [...places].toSorted();
}

async function runsOf(client: Client, workflowId: string): Promise<string[]> {
  const runs: string[] = [];
  for await (const { runId } of client.workflow.list({ query: `WorkflowId = '${workflowId}'` })) runs.push(runId);
  return runs;
}

function find(text: string, value: unknown, path: readonly string[]): string[] {
  if (typeof value === "string") return value.includes(text) ? [path.slice(0, 2).join(".")] : [];
  if (value instanceof Uint8Array) return Buffer.from(value).includes(text) ? [path.slice(0, 2).join(".")] : [];
  if (Array.isArray(value)) return value.flatMap((item) => find(text, item, path));
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) => find(text, inner, [...path, key]));
}
