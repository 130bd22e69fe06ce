import type { LetterStory } from "../client/index.ts";
import { formatDuration } from "../model/duration.ts";
import type { EventType } from "../model/event.ts";
import { type RecordSource, sourceText } from "../model/record-source.ts";
import { cut, oneLine } from "./cut.ts";
import { absoluteTime, relativeTime } from "./relative-time.ts";

type Event = LetterStory["events"][number];

/** One line of a letter's story: when, what, who and why. */
export function eventLine({ at, type, by, reason, data }: Event): string {
  // Who asked for a retry, and why, stands in the line that it was asked for.
  if (type === "retrying")
    return `${absoluteTime(at)}  ${eventInWords(type)}${dataText(type, data)} (${relativeTime(at)})`;
  const who = by === null ? "" : ` by ${oneLine(by)}`;
  const why = reason === null ? "" : `: ${cut(oneLine(reason), 300)}`;
  return `${absoluteTime(at)}  ${eventInWords(type)}${who}${dataText(type, data)}${why} (${relativeTime(at)})`;
}

export function eventInWords(type: EventType): string {
  switch (type) {
    case "parked":
      return "parked";
    case "retry_asked":
      return "retry asked";
    case "retrying":
      return "retrying";
    case "retry_cancelled":
      return "retry cancelled, parked again";
    case "waiting":
      return "waits for a run of the same id that the app started";
    case "died_again":
      return "died again";
    case "recovered":
      return "recovered";
    case "expiring":
      return "about to expire";
    case "expired":
      return "expired";
    case "discarded":
      return "discarded";
    case "superseded":
      return "superseded by the app's own run";
    case "amended":
      return "input amended";
    case "extended":
      return "retention set";
    case "moved":
      return "moved to another queue";
    case "code_asked":
      return "own code asked";
    case "code_ran":
      return "own code ran";
    case "code_failed":
      return "own code failed";
    case "code_dropped":
      return "own code dropped";
    case "policy_applied":
      return "policy applied";
    case "reopened":
      return "reopened";
    case "restored":
      return "its workflow was gone, and was begun again";
    case "settled":
      return "its row said otherwise than its workflow, which decided";
    case "noted":
      return "note";
    case "refused":
      return "command refused";
    case "imported":
      return "imported";
    case "captured":
      return "captured";
    case "cause_new":
      return "new cause";
    case "cause_returned":
      return "cause returned";
    case "cause_resolved":
      return "cause resolved";
    case "cause_ignored":
      return "cause ignored";
    case "cause_reopened":
      return "cause reopened";
    case "cause_noted":
      return "note on the cause";
    case "cause_assigned":
      return "cause assigned";
    case "cause_renamed":
      return "cause renamed";
    case "cause_regrouped":
      return "cause regrouped";
    case "redrive_started":
      return "redrive started";
    case "redrive_paused":
      return "redrive paused";
    case "redrive_resumed":
      return "redrive resumed";
    case "redrive_changed":
      return "redrive changed";
    case "redrive_stopped":
      return "redrive stopped";
    case "redrive_cancelled":
      return "redrive cancelled";
    case "redrive_completed":
      return "redrive completed";
  }
}

/** What else is known of it, as it follows its words. */
export function dataText(type: EventType, data: unknown): string {
  const known = (typeof data === "object" && data !== null ? data : {}) as Record<string, unknown>;
  const text = (value: unknown) => cut(oneLine(typeof value === "string" ? value : JSON.stringify(value)), 500);
  switch (type) {
    case "cause_regrouped": {
      const moved = `${text(known["letters"])} letters and ${text(known["deaths"])} deaths`;
      const [way, other] = known["to"] === undefined ? ["from", known["from"]] : ["to", known["to"]];
      return `, ${moved} ${way} ${text(other)} "${text(known["title"])}"`;
    }
    case "noted":
    case "cause_noted":
      return known["text"] === undefined ? "" : `, "${text(known["text"])}"`;
    case "captured": {
      const unchecked = known["unchecked"] === true ? ", unchecked: no worker of the job answered" : "";
      return `, from ${text(sourceText((known["source"] ?? {}) as RecordSource))}${unchecked}`;
    }
    case "moved":
      return `, ${text(known["queue"])}, before ${text(known["was"])}`;
    case "code_asked":
    case "code_dropped":
      return `, ${text(known["code"])}`;
    case "code_ran":
      return `, ${text(known["code"])}${known["result"] === undefined ? "" : ` (${text(known["result"])})`}`;
    case "code_failed":
      return `, ${text(known["code"])} (${text(known["why"])})`;
    case "policy_applied":
      return ` of queue ${text(known["queue"])}`;
    case "extended":
      return known["retention"] === undefined ? "" : ` to ${text(known["retention"])}`;
    case "refused":
      return ` (${text(known["why"] ?? known["command"] ?? known)})`;
    case "retrying":
      return known["before"] === undefined ? "" : `, gone back to ${text(known["before"])}`;
    case "retry_asked":
    case "amended": {
      const notes = [
        ...(known["after"] === undefined ? [] : [`after ${text(known["after"])}`]),
        ...(known["when"] === undefined ? [] : [`once the probe ${text(known["when"])} says yes`]),
        ...(known["automatic"] === undefined ? [] : ["by its queue's policy"]),
        ...(known["onExpiry"] === undefined ? [] : ["at the end of its retention"]),
        ...(known["fromFailure"] === undefined ? [] : ["from before its failure"]),
        ...(known["unchecked"] === undefined ? [] : ["input unchecked"]),
        ...(known["run"] === undefined ? [] : [`otherwise: ${text(known["run"])}`]),
      ];
      return notes.length === 0 ? "" : ` (${notes.join(", ")})`;
    }
    case "cause_resolved":
      return known["inBuild"] === undefined ? "" : ` in build ${text(known["inBuild"])}`;
    case "cause_ignored":
      return ignoredText(known);
    case "cause_returned":
      return returnedText(known);
    case "cause_assigned":
      return known["owner"] === null ? " to nobody" : ` to ${text(known["owner"])}`;
    case "cause_renamed":
      return `, before "${text(known["was"])}"`;
    case "redrive_started":
      return `: ${text(known["command"])} ${text(known["letters"])} letters`;
    case "redrive_changed":
      return ` (${Object.entries(known)
        .map(([key, value]) => `${key} ${text(value)}`)
        .join(", ")})`;
    case "redrive_completed":
      return ` (${Object.entries(known)
        .filter(([, value]) => value !== 0)
        .map(([key, value]) => `${key} ${text(value)}`)
        .join(", ")})`;
    default:
      return "";
  }
}

function ignoredText({ until, deaths, withinMs }: Record<string, unknown>): string {
  const within = typeof withinMs === "number" ? ` within ${formatDuration(withinMs)}` : "";
  const rules = [
    ...(typeof until === "string" ? [absoluteTime(new Date(until))] : []),
    ...(typeof deaths === "number" ? [`${deaths} more deaths${within}`] : []),
  ];
  return rules.length === 0 ? "" : ` until ${rules.join(" or ")}`;
}

function returnedText({ why, build, resolvedInBuild }: Record<string, unknown>): string {
  switch (why) {
    case "regression":
      return ` (resolved${typeof resolvedInBuild === "string" ? ` in ${oneLine(resolvedInBuild)}` : ""}, and killed again${typeof build === "string" ? ` in ${oneLine(build)}` : ""})`;
    case "time":
      return " (it was ignored until now)";
    case "deaths":
    case "rate":
      return " (it was ignored until it killed so often)";
    default:
      return "";
  }
}
