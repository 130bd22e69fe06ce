import type { OfficeEvent } from "../client/index.ts";
import type { LetterReader } from "../client/reader.ts";
import { shownDatabase } from "../connect/target.ts";
import { oneLine } from "./cut.ts";
import type { DevStack } from "./dev-stack.ts";
import { happening } from "./happening.ts";
import type { Shown } from "./live-view.ts";
import { ownCommand } from "./own-command.ts";
import { paint } from "./paint.ts";
import { shortId } from "./short-ids.ts";

export type DevFacts = {
  readonly stack: DevStack;
  readonly configFrom: string | undefined;
  readonly jobs: readonly string[];
};

/** At most so many a look: what a burst has more comes with the next. */
const newsRows = 200;

/** What `dlo dev` shows: what runs and where, how many letters are open, and what has just happened. */
export function devView(reader: LetterReader, facts: DevFacts): () => Promise<Shown> {
  let seen: number | "now" = "now";
  let open: Awaited<ReturnType<LetterReader["countOpen"]>> | undefined;
  return async () => {
    try {
      const { events, next } = await reader.events.list({ after: seen, limit: newsRows });
      seen = next;
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
function isNews({ type }: OfficeEvent): boolean {
  return type !== "retry_asked";
}

function newsLine(event: OfficeEvent): string {
  const { letterId, causeId } = event;
  const look = letterId === null ? `causes show ${shortId(causeId ?? "")}` : `show ${shortId(letterId)}`;
  return `${event.at.toTimeString().slice(0, 8)}  ${happening(event)}  ${paint("dim", `${ownCommand} ${look}`)}`;
}
