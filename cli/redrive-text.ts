import type { Redrive, RedriveItem } from "../client/index.ts";
import { formatDuration } from "../model/duration.ts";
import { formatFilter } from "../model/filter-line.ts";
import { endedCount } from "../model/redrive-details.ts";
import { cut, oneLine } from "./cut.ts";
import { paint } from "./paint.ts";
import { colourOf, nameOf, outcomesText, painted } from "./redrive-words.ts";
import { absoluteTime, briefTime } from "./relative-time.ts";
import { shortId, shortIds, shortList } from "./short-ids.ts";
import { pairs, table } from "./table.ts";

export function redriveTable(redrives: readonly Redrive[]): string {
  const short = shortIds(redrives.map(({ id }) => id));
  return table(
    ["ID", "WHAT", "LETTERS", "ENDED", "RECOVERED", "DIED AGAIN", "STATE", "ASKED", "BY"],
    redrives.map((redrive) => {
      const { id, command, counts, askedAt, by } = redrive;
      return [
        ...[
          short.get(id) ?? id,
          `${command} ${cut(whichText(redrive), 40)}`,
          String(counts.items),
          String(endedCount(counts)),
        ],
        ...[
          String(counts.recovered),
          String(counts.diedAgain),
          painted(redrive),
          briefTime(askedAt),
          cut(oneLine(by), 20),
        ],
      ];
    }),
  );
}

export function redriveDetailsText(redrive: Redrive): string {
  const { id, command, by, reason, askedAt, snapshotAt, endedAt, limits, spec, stop } = redrive;
  const { amend, order, first, maximumRetries } = spec;
  const changes = amend === null ? undefined : "by" in amend ? amend.by : JSON.stringify(amend.patch);
  const chosen = [
    ...(order === "oldest" ? [] : [`${order} first`]),
    ...(first === null ? [] : [`at most ${first}`]),
    ...(spec.force ? ["also those that need a person"] : []),
    ...(maximumRetries === null ? [] : [`none that was retried ${maximumRetries} times`]),
  ];
  const rules = [
    ...(spec.canary > 0 ? [`canary of ${spec.canary}`] : []),
    ...(spec.ramp ? ["ramp"] : []),
    ...(limits.stopOnSameCause === null ? [] : [`${limits.stopOnSameCause} of the same cause stop it`]),
    ...(limits.stopOnFailure === null
      ? []
      : [`more than ${Number((limits.stopOnFailure * 100).toFixed(2))}% that die again stop it`]),
  ];
  return pairs([
    ["Redrive", id],
    ["State", painted(redrive)],
    ["What", [`${command} ${whichText(redrive)}`, ...chosen].join(", ")],
    ...(changes === undefined ? [] : ([["Amends", cut(oneLine(changes), 500)]] as const)),
    ["Asked", `${absoluteTime(askedAt)} by ${oneLine(by)}${reason === null ? "" : `: ${oneLine(reason)}`}`],
    ...(snapshotAt === null
      ? []
      : ([["Letters", `${redrive.counts.items}, as they were at ${absoluteTime(snapshotAt)}`]] as const)),
    [
      "Rate",
      `${limits.rate} a second, at most ${limits.maxInFlight} under way${limits.jitterMs > 0 ? `, up to ${formatDuration(limits.jitterMs)} later` : ""}`,
    ],
    ...(command === "retry" ? ([["Rules", rules.join(", ") || "none"]] as const) : []),
    ["Outcomes", outcomesText(redrive)],
    ...(stop === null ? [] : ([["Stopped", `${stop.why}; told by ${shortList(stop.letters)}`]] as const)),
    ...(endedAt === null ? [] : ([["Ended", absoluteTime(endedAt)]] as const)),
  ]);
}

export function itemTable(items: readonly RedriveItem[]): string {
  const short = shortIds(items.map(({ letterId }) => letterId));
  return table(
    ["N", "LETTER", "JOB", "OUTCOME", "WHY", "RUN"],
    items.map(({ n, letterId, job, workflowId, state, why, runId, sameCause, newCause }) => {
      const reason =
        state === "died_again" ? `${sameCause ? "the same cause" : "another cause"}: ${newCause ?? "?"}` : (why ?? "-");
      return [
        ...[String(n), short.get(letterId) ?? letterId, nameOf({ job, workflowId })],
        ...[paint(colourOf(state.replace("_", " ")), state), cut(oneLine(reason), 100), runId ?? "-"],
      ];
    }),
  );
}

function whichText({ spec: { members } }: Redrive): string {
  if ("filter" in members) return oneLine(formatFilter(members.filter));
  if ("ids" in members) return `${members.ids.length} by id`;
  return `${members.states.join(", ")} of redrive ${shortId(members.redrive)}`;
}
