import type { Capture } from "../model/capture.ts";
import { letterWorkflowId } from "../model/ids.ts";
import { parkCaptured, recordDeathOf, recordRun } from "./capture-record.ts";
import { allRuns } from "./close-window.ts";
import type { OfficeNeeds } from "./office-needs.ts";
import { readRun } from "./read-run.ts";
import { shownInput } from "./stored-payloads.ts";
import { quoted } from "./visible-runs.ts";

/**
 * Writes the row of a captured record anew, whose letter was begun with the record itself.
 *
 * @returns whether Temporal still knows that beginning
 */
export async function recapture(needs: OfficeNeeds, workflowId: string, letterId: string): Promise<boolean> {
  const { client, codecs } = needs;
  const letter = letterWorkflowId(workflowId);
  const runs = await allRuns(client, `WorkflowId = ${quoted(letter)}`);
  for (const { runId } of runs.toSorted((a, b) => a.startedAtMs - b.startedAtMs)) {
    const [first] = (await readRun(client, letter, runId)).input;
    const told = first === undefined ? undefined : ((await shownInput([first], codecs)) as { capture?: Capture });
    const capture = told?.capture;
    if (capture === undefined) continue;
    const run = await recordRun(client, letter, runId, capture);
    const death = recordDeathOf(client.options.namespace, workflowId);
    await parkCaptured(needs, { ...death, requestId: runId, letterId }, { capture, known: null, run });
    return true;
  }
  return false;
}
