import { setWorkflowOptions } from "@temporalio/workflow";

/**
 * The workflow, which moves to the newest build at its next task, so that old builds drain while letters are parked.
 *
 * Only for versioned workers: elsewhere every task of such a workflow fails, and it looks like a hang.
 */
export function autoUpgrade<A extends unknown[], R>(workflow: (...args: A) => Promise<R>): typeof workflow {
  // Shared modules are frozen, and the options are written onto the function.
  const upgrading = async (...args: A) => await workflow(...args);
  setWorkflowOptions({ versioningBehavior: "AUTO_UPGRADE" }, upgrading);
  return upgrading;
}
