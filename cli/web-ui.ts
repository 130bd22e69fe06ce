import { Option } from "@commander-js/extra-typings";
import { letterWorkflowId } from "../model/ids.ts";

/** Where Temporal Web UI shows a job's run and its letter. */
export type Links = { readonly job: string; readonly letter: string };

export function uiFlag() {
  return new Option("--ui <url>", "base address of Temporal Web UI, for links").env("DLO_UI_URL");
}

export function webUiLinks(
  base: string,
  { namespace, workflowId, runId }: { namespace: string; workflowId: string; runId: string },
): Links {
  const workflows = `${base.replace(/\/+$/, "")}/namespaces/${encodeURIComponent(namespace)}/workflows`;
  return {
    job: `${workflows}/${encodeURIComponent(workflowId)}/${encodeURIComponent(runId)}/history`,
    letter: `${workflows}/${encodeURIComponent(letterWorkflowId(workflowId))}`,
  };
}
