import { formatDuration } from "../model/duration.ts";
import type { PolicyChange } from "../model/policy-change.ts";
import type { AutoRetryPolicy, OnExpire } from "../model/queue-policy.ts";
import type { PreviewedPolicy } from "../model/redrive-activities.ts";
import { oneLine } from "./cut.ts";
import { paint } from "./paint.ts";
import { table } from "./table.ts";

/** What a changed policy changes of letters, as `--dry-run` shows it. */
export function policiesText(policies: readonly PreviewedPolicy[]): string {
  if (policies.length === 0) return "All of them have the policy already that their queue has now.";
  const rows = policies.flatMap(({ queue, letters, change }) =>
    changesText(change).map((text, i) => (i === 0 ? [oneLine(queue), String(letters), text] : ["", "", text])),
  );
  const ended = policies.reduce((sum, one) => sum + one.ended, 0);
  const warning = `${ended} of them would be at the end of their retention at once.`;
  return [table(["QUEUE", "LETTERS", "CHANGE"], rows), ...(ended === 0 ? [] : [paint("yellow", warning)])].join("\n");
}

function changesText({ retentionMs, keepForMs, onExpire, handOnTo, ...rest }: PolicyChange): string[] {
  const { maximumRetries, warnBeforeMs, autoRetry } = rest;
  return [
    ...changed("retention", retentionMs, span),
    ...changed("kept for", keepForMs, span),
    ...changed("at its end", onExpire, (action: OnExpire) => actions[action]),
    ...changed("handed on to", handOnTo, (queue) => (queue === null ? "none" : oneLine(queue))),
    ...changed("maximumRetries", maximumRetries, String),
    ...changed("warning", warnBeforeMs, (ms) => (ms === null ? "none" : `${formatDuration(ms)} before`)),
    ...changed("autoRetry", autoRetry, autoRetryText),
  ];
}

const actions = { expire: "expires", retry: "is retried", hand_on: "is handed on" } as const satisfies Record<
  OnExpire,
  string
>;

function changed<T>(
  what: string,
  change: { readonly was: T; readonly is: T } | undefined,
  text: (value: T) => string,
): string[] {
  return change === undefined ? [] : [`${what}: ${text(change.was)} → ${text(change.is)}`];
}

function span(ms: number | "indefinite"): string {
  return ms === "indefinite" ? ms : formatDuration(ms);
}

function autoRetryText(policy: AutoRetryPolicy | null): string {
  if (policy === null) return "none";
  const { categories, afterMs, backoffCoefficient, maximumRetries, withinMs } = policy;
  const times = backoffCoefficient === 1 ? "" : `, each further one × ${backoffCoefficient}`;
  return `${categories.join(", ")} after ${formatDuration(afterMs)}${times}, ${maximumRetries} at most, within ${formatDuration(withinMs)}`;
}
