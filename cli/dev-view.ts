import type { LetterReader } from "../client/reader.ts";
import { shownDatabase } from "../connect/target.ts";
import { cut, harmless, oneLine } from "./cut.ts";
import type { DevStack } from "./dev-stack.ts";
import { eventInWords } from "./event-line.ts";
import type { Shown } from "./live-view.ts";
import { ownCommand } from "./own-command.ts";
import { paint } from "./paint.ts";
import { shortId } from "./short-ids.ts";

export type DevFacts = {
  readonly stack: DevStack;
  readonly configFrom: string | undefined;
  readonly jobs: readonly string[];
};

type RecentEvent = Awaited<ReturnType<LetterReader["events"]>>[number];

/** At most so many a look: what a burst has more comes with the next. */
const newsRows = 200;

/** What `dlo dev` shows: what runs and where, how many letters are open, and what has just happened. */
export function devView(reader: LetterReader, facts: DevFacts): () => Promise<Shown> {
  let seen: number | undefined;
  let open: Awaited<ReturnType<LetterReader["countOpen"]>> | undefined;
  return async () => {
    try {
      seen ??= await reader.lastEventId();
      const events = await reader.events(seen, newsRows);
      seen = events.at(-1)?.id ?? seen;
      open = await reader.countOpen();
      return { block: block(facts, openText(open)), news: events.filter(isNews).map(newsLine) };
    } catch (error) {
      // The database may be gone for a moment; if it is for good, its server says so.
      const why = error instanceof Error ? oneLine(error.message) : String(error);
      return { block: block(facts, paint("red", why)), news: [] };
    }
  };
}

function block({ stack, configFrom, jobs }: DevFacts, letters: string): string[] {
  const working =
    jobs.length > 0
      ? `${jobs.join(", ")} (${configFrom ?? ""})`
      : `none: ${configFrom === undefined ? "no dlo.config.ts in this folder" : `${configFrom} names none`}, so no worker runs`;
  const rows: (readonly [string, string | undefined])[] = [
    ["Temporal", `${stack.address}, namespace ${stack.namespace}`],
    ["Web UI", stack.ui],
    ["Postgres", shownDatabase(stack.databaseUrl)],
    ["Jobs", working],
    ["Letters", letters],
    ["Try", `${ownCommand} list · show <id> · retry <id> · doctor     Ctrl-C stops`],
  ];
  return [
    "",
    ...rows.flatMap(([name, value]) => (value === undefined ? [] : [`${paint("bold", name.padEnd(10))}${value}`])),
  ];
}

function openText({ parked, retrying }: Awaited<ReturnType<LetterReader["countOpen"]>>): string {
  if (parked + retrying === 0) return paint("green", "none open");
  return [
    parked > 0 ? paint("yellow", `${parked} parked`) : "",
    retrying > 0 ? paint("cyan", `${retrying} retrying`) : "",
  ]
    .filter(Boolean)
    .join(", ");
}

/** A retry that is asked for starts at once, and says so itself. */
function isNews({ type }: RecentEvent): boolean {
  return type !== "retry_asked";
}

function newsLine({ at, type, job, workflowId, letterId, errorType, errorMessage, by }: RecentEvent): string {
  const id = workflowId.startsWith(`${job}/`) ? workflowId : `${job} ${workflowId}`;
  const died = type === "parked" || type === "died_again";
  const what = type === "parked" ? "died" : eventInWords(type);
  const detail = died
    ? `: ${cut(oneLine(`${errorType}: ${errorMessage}`), 120)}`
    : by === null
      ? ""
      : ` (${oneLine(by)})`;
  const painted = died
    ? paint("red", what)
    : type === "recovered" || type === "superseded"
      ? paint("green", what)
      : what;
  return `${at.toTimeString().slice(0, 8)}  ${painted} ${harmless(oneLine(id))}${detail}  ${paint("dim", `${ownCommand} show ${shortId(letterId)}`)}`;
}
