import type { Client } from "@temporalio/client";
import type { Target } from "../connect/target.ts";
import { connectClient } from "../connect/temporal-client.ts";
import { officeWorkflowId } from "../model/ids.ts";
import { errorCodeOf } from "../model/office-error.ts";
import { type Check, fine, hint, messageOf, wrong } from "./check.ts";
import { checkHooks } from "./check-hooks.ts";
import { checkNamespace, namespaceCommand } from "./check-namespace.ts";
import { checkPollers } from "./check-pollers.ts";
import { checkWaitingDeaths } from "./check-waiting-deaths.ts";
import type { Patient } from "./patient.ts";
import { missingSearchAttributes, searchAttributesCommand } from "./search-attributes.ts";

/** Is it there, prepared, and do an office and workers poll it? */
export async function checkTemporal(
  temporal: Target["temporal"],
  { office, jobTaskQueues }: Pick<Patient, "office" | "jobTaskQueues">,
  databaseId: string | undefined,
): Promise<readonly Check[]> {
  let client: Client;
  try {
    client = await connectClient(temporal);
  } catch (error) {
    return [wrong("Temporal", messageOf(error), "Start it, or correct --address")];
  }
  try {
    const { serverVersion } = await client.workflowService.getSystemInfo({});
    const server = fine("Temporal", `server ${serverVersion} at ${temporal.address}`);
    const namespace = await checkName(client);
    if (!namespace.ok) return [server, namespace];
    return [
      server,
      namespace,
      await checkAttributes(client),
      await checkOffice(client, office, databaseId),
      await checkPollers(client, { what: "office", taskQueue: office, command: "dlo office" }),
      ...(await Promise.all(
        jobTaskQueues.map((taskQueue) => checkPollers(client, { what: "worker", taskQueue, command: "dlo worker" })),
      )),
      await checkWaitingDeaths(client),
      await checkHooks(client, office),
    ];
  } catch (error) {
    return [
      wrong(
        "Temporal",
        `it stopped answering: ${messageOf(error)}`,
        "Ask again; if it stays so, look at the server's log",
      ),
    ];
  } finally {
    await client.connection.close();
  }
}

async function checkName(client: Client): Promise<Check> {
  const { namespace } = client.options;
  try {
    await checkNamespace(client);
    return fine("namespace", `${namespace} exists`);
  } catch (error) {
    if (errorCodeOf(error) === undefined)
      return wrong("namespace", messageOf(error), "Check what this user may do there");
    return wrong("namespace", `${namespace} does not exist`, namespaceCommand(namespace));
  }
}

async function checkAttributes(client: Client): Promise<Check> {
  const missing = await missingSearchAttributes(client);
  if (missing.length === 0) return fine("search attributes", "all are registered");
  return hint(
    "search attributes",
    `${missing.join(", ")} are missing; all works but the search in Temporal Web UI`,
    `dlo setup, or: ${searchAttributesCommand(client.options.namespace, missing)}`,
  );
}

async function checkOffice(client: Client, office: string, databaseId: string | undefined): Promise<Check> {
  const what = `office ${office}`;
  try {
    const { memo, status } = await client.workflow.getHandle(officeWorkflowId(office)).describe();
    const held = memo?.["databaseId"];
    if (status.name !== "RUNNING")
      return wrong(
        what,
        `its workflow ${officeWorkflowId(office)} is ${status.name}`,
        "Start the office anew: dlo office",
      );
    if (databaseId === undefined) return fine(what, "it is tied to a database, which could not be asked for its id");
    if (held === databaseId) return fine(what, `it is tied to this database (${databaseId})`);
    return wrong(
      what,
      `it keeps its letters in another database (${String(held)}, not ${databaseId})`,
      "Connect to that database, or give this office a name of its own in dlo.config",
    );
  } catch (error) {
    if ((error as { name?: string }).name !== "WorkflowNotFoundError") throw error;
    return wrong(what, "it was never started in this namespace", "dlo office, or for a local one: dlo dev");
  }
}
