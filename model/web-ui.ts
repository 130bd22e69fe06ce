import { letterWorkflowId } from "./ids.ts";

/** Where Temporal Web UI shows a job's run and its letter. */
export type Links = { readonly job: string; readonly letter: string };

/** @param base address of Temporal Web UI */
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
