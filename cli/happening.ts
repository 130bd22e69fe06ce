import type { OfficeEvent } from "../client/index.ts";
import { cut, harmless, oneLine } from "./cut.ts";
import { dataText, eventInWords } from "./event-line.ts";
import { paint } from "./paint.ts";

/** What happened, to what, by whom and why, in a few words: an event of the stream, without its time. */
export function happening(event: OfficeEvent): string {
  const { type, letter, by, reason, data } = event;
  const what = type === "parked" ? "died" : eventInWords(type);
  const subject = letter === null ? oneLine(titleOf(event)) : harmless(oneLine(letterName(event)));
  const why =
    letter !== null && isDeath(type)
      ? `: ${cut(oneLine(`${letter.errorType}: ${letter.errorMessage}`), 120)}`
      : reason === null
        ? ""
        : `: ${cut(oneLine(reason), 120)}`;
  const who = by === null ? "" : ` (${oneLine(by)})`;
  const known = isDeath(type) ? "" : dataText(type, data);
  return `${painted(type, what)} ${cut(subject, 120)}${known}${who}${why}`;
}

function letterName({ letter, workflowId }: OfficeEvent): string {
  const job = letter?.job ?? "";
  return workflowId?.startsWith(`${job}/`) === true ? workflowId : `${job} ${workflowId ?? ""}`;
}

/** Of what is no letter. */
function titleOf({ cause, causeId, redriveId }: OfficeEvent): string {
  return cause?.title ?? causeId ?? redriveId ?? "";
}

function isDeath(type: OfficeEvent["type"]): boolean {
  return type === "parked" || type === "died_again";
}

function painted(type: OfficeEvent["type"], what: string): string {
  switch (type) {
    case "parked":
    case "died_again":
      return paint("red", what);
    case "cause_new":
    case "cause_returned":
    case "redrive_stopped":
      return paint(["red", "bold"], what);
    case "recovered":
    case "redrive_completed":
    case "superseded":
    case "cause_resolved":
      return paint("green", what);
    default:
      return what;
  }
}
