import { formatDuration } from "./duration.ts";
import { redriveWorkflowId } from "./ids.ts";
import { hasEnded, type RedriveCounts, type RedriveState } from "./redrive.ts";

/**
 * A redrive in Markdown, for Temporal Web UI: how far it is, at what rate, what came of it, and the commands that steer it.
 *
 * @param namespace of Temporal, which the commands name unless it is `default`
 */
export function redriveDetails({ spec, status, counts, stop }: RedriveState, namespace: string): string {
  const { limits } = spec;
  const ended = endedCount(counts);
  return [
    `**${spec.command.name}** of ${counts.items} dead letters — ${status}, ${share(ended, counts.items)} done`,
    "",
    "| outcome | letters |",
    "| --- | --- |",
    ...outcomes(counts).map(([name, n]) => `| ${name} | ${n} |`),
    "",
    ...(stop === undefined ? [] : [`- **Stopped** ${stop.why}`, `- **Told by** ${stop.letters.join(", ")}`]),
    `- **Rate** ${limits.rate} a second, at most ${limits.maxInFlight} under way`,
    ...(hasEnded(status) || counts.waiting === 0
      ? []
      : [`- **Left** at least ${formatDuration(Math.ceil(counts.waiting / limits.rate) * 1000)}`]),
    `- **Asked for** by ${spec.by}${spec.reason === undefined ? "" : `: ${spec.reason}`}`,
    ...(hasEnded(status) ? [] : ["", "Commands:", "", "```", ...commands(spec.id, namespace), "```"]),
  ].join("\n");
}

/** Items that have their outcome. */
export function endedCount({ items, waiting, running }: RedriveCounts): number {
  return items - waiting - running;
}

/** What came of the items, in the order of a report; none that has no letter but the first. */
export function outcomes(counts: RedriveCounts): readonly (readonly [name: string, letters: number])[] {
  const { waiting, running, recovered, diedAgain, sameCause, done, refused, skipped } = counts;
  const all = [
    ["recovered", recovered],
    ["died again", diedAgain],
    ["… of the same cause", sameCause],
    ["done", done],
    ["refused", refused],
    ["skipped", skipped],
    ["running", running],
    ["waiting", waiting],
  ] as const;
  return all.filter(([name, n]) => n > 0 || (name === "recovered" && done === 0));
}

function share(part: number, whole: number): string {
  return whole === 0 ? "100%" : `${Math.floor((part / whole) * 100)}%`;
}

function commands(id: string, namespace: string): string[] {
  const where = namespace === "default" ? "" : ` --namespace ${namespace}`;
  return ["pause", "resume", "cancel"].map(
    (name) => `temporal workflow signal --workflow-id ${redriveWorkflowId(id)}${where} --name ${name}`,
  );
}
