import { type Client, WorkflowExecutionAlreadyStartedError, type WorkflowHandle } from "@temporalio/client";
import { defaultOffice, type previewType, type redriveType } from "../model/ids.ts";
import type { RedriveSpec } from "../model/redrive.ts";
import { redriveStart } from "../model/redrive-start.ts";
import { registeredSearchAttributes } from "./registered-search-attributes.ts";

/** Starts a redrive, or its dry run. The same id again is the same one: the first spec stays. */
export async function startRedrive(
  temporal: Client,
  type: typeof redriveType | typeof previewType,
  spec: RedriveSpec,
  office = defaultOffice,
): Promise<WorkflowHandle> {
  const { namespace } = temporal.options;
  const searchAttributes = await registeredSearchAttributes(temporal);
  const start = redriveStart(type, spec, { namespace, taskQueue: office, searchAttributes });
  try {
    return await temporal.workflow.start(type, start);
  } catch (error) {
    if (error instanceof WorkflowExecutionAlreadyStartedError) return temporal.workflow.getHandle(start.workflowId);
    throw error;
  }
}
