import type { LetterStory } from "../client/index.ts";
import type { EventType } from "../model/event.ts";
import { cut, oneLine } from "./cut.ts";
import { absoluteTime, relativeTime } from "./relative-time.ts";

type Event = LetterStory["events"][number];

/** One line of a letter's story: when, what, who and why. */
export function eventLine({ at, type, by, reason, data }: Event): string {
  // Who asked for a retry, and why, stands in the line that it was asked for.
  if (type === "retrying") return `${absoluteTime(at)}  ${eventInWords(type)} (${relativeTime(at)})`;
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
    case "noted":
      return "note";
    case "refused":
      return "command refused";
  }
}

function dataText(type: EventType, data: unknown): string {
  const known = (typeof data === "object" && data !== null ? data : {}) as Record<string, unknown>;
  const text = (value: unknown) => cut(oneLine(typeof value === "string" ? value : JSON.stringify(value)), 500);
  switch (type) {
    case "noted":
      return known["text"] === undefined ? "" : `, "${text(known["text"])}"`;
    case "extended":
      return known["retention"] === undefined ? "" : ` to ${text(known["retention"])}`;
    case "refused":
      return ` (${text(known["why"] ?? known["command"] ?? known)})`;
    case "retry_asked":
    case "amended": {
      const notes = [
        ...(known["after"] === undefined ? [] : [`after ${text(known["after"])}`]),
        ...(known["onExpiry"] === undefined ? [] : ["at the end of its retention"]),
        ...(known["unchecked"] === undefined ? [] : ["input unchecked"]),
      ];
      return notes.length === 0 ? "" : ` (${notes.join(", ")})`;
    }
    default:
      return "";
  }
}
