import { setWorkflowOptions } from "@temporalio/workflow";

/**
 * Lets a workflow move to the newest build at its next task, so that old builds drain while letters are parked.
 *
 * Only for versioned workers: elsewhere every task of such a workflow fails, and it looks like a hang.
 */
export function autoUpgrade<A extends unknown[], R>(workflow: (...args: A) => Promise<R>): void {
  setWorkflowOptions({ versioningBehavior: "AUTO_UPGRADE" }, workflow);
}
