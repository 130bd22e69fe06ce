import { type Client, isGrpcServiceError } from "@temporalio/client";
import proto from "@temporalio/proto";
import type { CheckBuild } from "../model/letter-activities.ts";
import { buildUnknown, type OfficeError } from "../model/office-error.ts";
import { buildText } from "../model/run-options.ts";

/**
 * Refuses a build that has no worker of this task queue. Whether one polls at this moment is not asked: a run waits for its
 * worker, as it does elsewhere.
 *
 * @throws {OfficeError} `BUILD_UNKNOWN`, with the builds that there are
 */
export async function checkBuild(client: Client, { build, taskQueue }: CheckBuild): Promise<void> {
  const { workflowService, options } = client;
  const { namespace } = options;
  const refused = (there: string): OfficeError => buildUnknown(buildText(build), taskQueue, there);
  const found = await unlessMissing(async () =>
    workflowService.describeWorkerDeploymentVersion({ namespace, deploymentVersion: build }),
  );
  if (found !== undefined) {
    const { versionTaskQueues: polled } = found;
    const names = (type: number) => polled.filter((one) => one.type === type).map(({ name }) => name ?? "");
    // An activity of a queue that the build has not polled for activities is taken by the current build.
    const queues = names(workflowTasks).filter((name) => names(activityTasks).includes(name));
    if (queues.includes(taskQueue)) return;
    throw refused(queues.length > 0 ? `it has polled ${listed(queues)}` : "it has only just begun to poll");
  }
  const { deploymentName } = build;
  const deployment = await unlessMissing(async () =>
    workflowService.describeWorkerDeployment({ namespace, deploymentName }),
  );
  const builds = deployment?.workerDeploymentInfo?.versionSummaries?.map((one) => one.deploymentVersion?.buildId ?? "");
  if (builds !== undefined) throw refused(`deployment ${deploymentName} has the builds ${listed(builds)}`);
  const all = await unlessMissing(async () => workflowService.listWorkerDeployments({ namespace }));
  const names = all?.workerDeployments.map(({ name }) => name ?? "") ?? [];
  throw refused(
    names.length > 0
      ? `there are the deployments ${listed(names)}`
      : "the workers of this namespace have no versions (workerDeploymentOptions)",
  );
}

const { TASK_QUEUE_TYPE_WORKFLOW: workflowTasks, TASK_QUEUE_TYPE_ACTIVITY: activityTasks } =
  proto.temporal.api.enums.v1.TaskQueueType;

async function unlessMissing<T>(ask: () => Promise<T>): Promise<T | undefined> {
  try {
    return await ask();
  } catch (error) {
    if (isGrpcServiceError(error) && missing.includes(error.code)) return undefined;
    throw error;
  }
}

/** NOT_FOUND, INVALID_ARGUMENT of names that nothing can have, UNIMPLEMENTED of servers without deployments. */
const missing: readonly number[] = [5, 3, 12];

function listed(names: readonly string[]): string {
  const shown = names.slice(0, 20);
  return shown.join(", ") + (names.length > shown.length ? `, and ${names.length - shown.length} more` : "");
}
