import type { Redrive } from "../client/index.ts";
import { outcomes } from "../model/redrive-details.ts";
import { oneLine } from "./cut.ts";
import { paint } from "./paint.ts";

/** Its state, in its colour. */
export function painted({ status }: Redrive, stream: NodeJS.WriteStream = process.stdout): string {
  switch (status) {
    case "completed":
      return paint("green", status, stream);
    case "stopped":
      return paint("red", status, stream);
    case "paused":
    case "cancelled":
      return paint("yellow", status, stream);
    case "preparing":
    case "running":
      return status;
  }
}

/** `recovered 12 · died again 3 · …` */
export function outcomesText({ counts }: Redrive, stream: NodeJS.WriteStream = process.stdout): string {
  return outcomes(counts)
    .map(([name, n]) => `${name} ${paint(n === 0 ? "dim" : colourOf(name), String(n), stream)}`)
    .join(" · ");
}

export function colourOf(outcome: string): "green" | "red" | "yellow" | "dim" {
  if (outcome === "recovered" || outcome === "done") return "green";
  if (outcome.startsWith("died") || outcome.startsWith("…")) return "red";
  return outcome === "waiting" || outcome === "running" || outcome === "behind" ? "dim" : "yellow";
}

/** A job's run, by name; ids of ours begin with the name. */
export function nameOf({ job, workflowId }: { readonly job: string; readonly workflowId: string }): string {
  return oneLine(workflowId.startsWith(`${job}/`) ? workflowId : `${job} ${workflowId}`);
}
