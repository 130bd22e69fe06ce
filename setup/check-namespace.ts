import type { Client } from "@temporalio/client";
import { officeErrorOf } from "../model/office-error.ts";

/** Temporal answers with this where there is no such namespace (gRPC's NOT_FOUND). */
const notFound = 5;

/**
 * Makes sure that the client's namespace exists.
 *
 * @throws {OfficeError} `CONFIG_INVALID` with the command that creates it
 */
export async function checkNamespace(client: Client): Promise<void> {
  const { namespace } = client.options;
  try {
    await client.workflowService.describeNamespace({ namespace });
  } catch (error) {
    if ((error as { code?: unknown }).code !== notFound) throw error;
    throw officeErrorOf(
      "CONFIG_INVALID",
      `Temporal has no namespace "${namespace}". To create it: ${namespaceCommand(namespace)}`,
      { namespace },
      { cause: error },
    );
  }
}

/** The command of Temporal's own CLI that creates a namespace. */
export function namespaceCommand(namespace: string): string {
  return `temporal operator namespace create --namespace ${namespace}`;
}
