import { once } from "node:events";
import type { OfficeEvent } from "../client/index.ts";
import type { LetterReader } from "../client/reader.ts";
import type { EventType } from "../model/event.ts";
import type { Filter } from "../model/filter.ts";
import { happening } from "./happening.ts";
import { withReader } from "./open-reader.ts";
import { notice } from "./output-flag.ts";
import { paint } from "./paint.ts";
import { absoluteTime } from "./relative-time.ts";
import { shortId } from "./short-ids.ts";
import type { TargetFlags } from "./target-flags.ts";
import { stopSignal } from "./until-signal.ts";

export type WatchFlags = TargetFlags & {
  readonly type?: readonly EventType[];
  readonly letter?: string;
  readonly after?: number;
  readonly untilNow?: true;
  readonly output: "table" | "jsonl";
};

/** Prints the stream until Ctrl-C, or up to now, and says on stderr where to go on. */
export async function watchEvents(filter: Filter, flags: WatchFlags): Promise<void> {
  const { type: types, letter } = flags;
  const choice = {
    filter,
    ...(types === undefined ? {} : { types }),
    ...(letter === undefined ? {} : { letter }),
  };
  const line = flags.output === "jsonl" ? JSON.stringify : eventLine;
  const write = async (event: OfficeEvent) => {
    // One write a line: whoever reads from a pipe has it at once.
    if (!process.stdout.write(`${line(event)}\n`)) await once(process.stdout, "drain");
  };
  const position = await withReader(flags, async (reader) =>
    flags.untilNow
      ? await printUntilNow(reader, choice, flags.after, write)
      : await follow(reader, choice, flags.after, write),
  );
  if (position !== undefined) notice(`Up to position ${position}. To go on from there: --after ${position}`);
}

type Choice = { readonly filter: Filter; readonly types?: readonly EventType[]; readonly letter?: string };
type Write = (event: OfficeEvent) => Promise<void>;

async function follow(
  reader: LetterReader,
  choice: Choice,
  after: number | undefined,
  write: Write,
): Promise<number | undefined> {
  const { signal, off } = stopSignal(notice);
  try {
    const events = reader.events.subscribe({
      ...choice,
      ...(after === undefined ? {} : { after }),
      signal,
      onInterrupted: ({ message }) => notice(`${message}\nWaiting for it; nothing is missed.`),
    });
    for await (const event of events) await write(event);
    return events.position;
  } finally {
    off();
  }
}

async function printUntilNow(
  reader: LetterReader,
  choice: Choice,
  after: number | undefined,
  write: Write,
): Promise<number> {
  const { next: end } = await reader.events.list({ after: "now" });
  let position = after ?? 0;
  while (position < end) {
    const page = await reader.events.list({ ...choice, after: position, limit: 1000 });
    for (const event of page.events) {
      if (event.position > end) return end;
      await write(event);
    }
    if (page.next === position) break;
    position = page.next;
  }
  return position;
}

/** With the id that `dlo show`, `dlo causes show` or `dlo redrive show` takes. */
function eventLine(event: OfficeEvent): string {
  const { at, position, letterId, causeId, redriveId } = event;
  return `${absoluteTime(at)}  ${happening(event)}  ${paint("dim", `#${position} ${shortId(letterId ?? causeId ?? redriveId ?? "")}`)}`;
}
