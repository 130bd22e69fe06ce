import { Client } from "@temporalio/client";
import { officeWorkflowId } from "../model/ids.ts";
import { officeMismatch } from "../model/office-error.ts";

/**
 * Ties an office's name, in this namespace, to its database, by a resting workflow that holds the database's id.
 *
 * @throws {OfficeError} `OFFICE_MISMATCH` where another database holds the name: two of them would steal each other's deaths
 */
export async function claimOffice({ connection, options }: Client, office: string, databaseId: string): Promise<void> {
  // Without a codec: an office that has none, or another, must be able to read whose the name is.
  const plain = new Client({ connection, namespace: options.namespace, identity: options.identity });
  const handle = await plain.workflow.start("office", {
    workflowId: officeWorkflowId(office),
    taskQueue: office,
    args: [],
    memo: { databaseId },
    workflowIdConflictPolicy: "USE_EXISTING",
    staticSummary: `office of database ${databaseId}`,
  });
  const { memo } = await handle.describe();
  if (memo?.["databaseId"] !== databaseId) throw officeMismatch(office, options.namespace);
}
