import { defineSearchAttributeKey } from "@temporalio/common";
import { formatFilter } from "./filter-line.ts";
import { previewType, redriveType, redriveWorkflowId } from "./ids.ts";
import type { LetterHome } from "./letter-start.ts";
import { noCounts, type RedriveSpec, type RedriveState } from "./redrive.ts";
import { redriveDetails } from "./redrive-details.ts";
import { searchAttributes } from "./search-attributes.ts";
import { summaryLine } from "./summary-line.ts";

/** How a redrive's workflow, or its dry run's, is begun. One that was terminated can be begun again: its place is the table. */
export function redriveStart(
  type: typeof redriveType | typeof previewType,
  spec: RedriveSpec,
  { namespace, taskQueue, searchAttributes: registered }: LetterHome,
) {
  const state: RedriveState = { version: 1, spec, status: "preparing", counts: noCounts };
  return {
    workflowId: type === redriveType ? redriveWorkflowId(spec.id) : `${previewType}/${spec.id}`,
    taskQueue,
    args: [state],
    workflowIdReusePolicy: "ALLOW_DUPLICATE_FAILED_ONLY" as const,
    staticSummary: summaryOf(spec),
    staticDetails: redriveDetails(state, namespace),
    ...(registered.includes(searchAttributes.status)
      ? {
          typedSearchAttributes: [
            { key: defineSearchAttributeKey(searchAttributes.status, "KEYWORD"), value: state.status },
          ],
        }
      : {}),
  };
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
