import type { Client } from "@temporalio/client";
import proto from "@temporalio/proto";
import { formatDuration } from "../model/duration.ts";
import { type Check, fine, wrong } from "./check.ts";

const { TASK_QUEUE_TYPE_ACTIVITY, TASK_QUEUE_TYPE_WORKFLOW } = proto.temporal.api.enums.v1.TaskQueueType;

/** Does anybody work off this task queue? Temporal remembers a poller for five minutes, so one that asked lately counts. */
export async function checkPollers(
  client: Client,
  { what, taskQueue, command }: { what: string; taskQueue: string; command: string },
): Promise<Check> {
  const name = `${what} on task queue ${taskQueue}`;
  const [workflow, activity] = await Promise.all([
    pollersOf(client, taskQueue, TASK_QUEUE_TYPE_WORKFLOW),
    pollersOf(client, taskQueue, TASK_QUEUE_TYPE_ACTIVITY),
  ]);
  const identities = [...new Set([...workflow, ...activity].map(({ identity }) => identity))];
  if (workflow.length > 0 && activity.length > 0) return fine(name, `polls: ${identities.join(", ")}`);
  return wrong(name, `nobody has polled in the last ${formatDuration(recentMs)}`, command);
}

const recentMs = 90_000;

type Poller = { readonly identity: string };

async function pollersOf(
  client: Client,
  taskQueue: string,
  taskQueueType: proto.temporal.api.enums.v1.TaskQueueType,
): Promise<readonly Poller[]> {
  const { pollers } = await client.workflowService.describeTaskQueue({
    namespace: client.options.namespace,
    taskQueue: { name: taskQueue },
    taskQueueType,
  });
  // A long poll lasts a minute; who has not come back since is gone.
  const since = Date.now() - recentMs;
  return (pollers ?? []).flatMap(({ identity, lastAccessTime }) => {
    const atMs = Number(lastAccessTime?.seconds ?? 0) * 1000;
    return atMs >= since ? [{ identity: identity ?? "somebody" }] : [];
  });
}
