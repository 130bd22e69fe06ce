import { type Client, WorkflowExecutionAlreadyStartedError, type WorkflowHandle } from "@temporalio/client";
import { defineSearchAttributeKey } from "@temporalio/common";
import { formatFilter } from "../model/filter-line.ts";
import { defaultOffice, previewType, redriveType, redriveWorkflowId } from "../model/ids.ts";
import { noCounts, type RedriveSpec, type RedriveState } from "../model/redrive.ts";
import { redriveDetails } from "../model/redrive-details.ts";
import { searchAttributes } from "../model/search-attributes.ts";
import { registeredSearchAttributes } from "./registered-search-attributes.ts";
import { summaryLine } from "../model/summary-line.ts";

/** Starts a redrive, or its dry run. The same id again is the same one: the first spec stays. */
export async function startRedrive(
  temporal: Client,
  type: typeof redriveType | typeof previewType,
  spec: RedriveSpec,
  office = defaultOffice,
): Promise<WorkflowHandle> {
  const workflowId = type === redriveType ? redriveWorkflowId(spec.id) : `${previewType}/${spec.id}`;
  const state: RedriveState = { version: 1, spec, status: "preparing", counts: noCounts };
  const registered = await registeredSearchAttributes(temporal);
  try {
    return await temporal.workflow.start(type, {
      workflowId,
      taskQueue: office,
      args: [state],
      workflowIdReusePolicy: "REJECT_DUPLICATE",
      staticSummary: summaryOf(spec),
      staticDetails: redriveDetails(state, temporal.options.namespace),
      ...(registered.includes(searchAttributes.status)
        ? {
            typedSearchAttributes: [
              { key: defineSearchAttributeKey(searchAttributes.status, "KEYWORD"), value: state.status },
            ],
          }
        : {}),
    });
  } catch (error) {
    if (error instanceof WorkflowExecutionAlreadyStartedError) return temporal.workflow.getHandle(workflowId);
    throw error;
  }
}

function summaryOf({ command, members, reason }: RedriveSpec): string {
  const which =
    "filter" in members
      ? formatFilter(members.filter)
      : "ids" in members
        ? `${members.ids.length} letters`
        : `of redrive ${members.redrive}: ${members.states.join(", ")}`;
  return summaryLine(`${command.name} ${which}${reason === undefined ? "" : ` · ${reason}`}`);
}
