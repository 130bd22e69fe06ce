import { errorCodeOf } from "../model/office-error.ts";
import { type Bell, openBell } from "../schema/bell.ts";
import type { OpenDatabase } from "../schema/database.ts";
import { lastPosition, type EventChoice, type OfficeEvent, readEvents } from "../schema/read-events.ts";
import { eventsChannel } from "../schema/sequence-events.ts";

/*
 *   begin ── read a page ── hand its events out ──┬── more? ── read a page …
 *                ▲                                └── end: wait for the bell, or for the next poll
 *                └────────────────────────────────────┘
 *
 * The tables are the truth, LISTEN is only a bell: what it rings for is read by position. So a notice that is lost with its
 * connection costs time, never an event, and one too many costs a look.
 */

/** Events in the order of their positions, as they come. Ends with `return()`, the signal, or the client. */
export type Subscription = AsyncIterableIterator<OfficeEvent, undefined> & {
  /** How far it has come, passed-by events included: to be given as `after` to go on from here. Undefined until it has begun. */
  readonly position: number | undefined;
};

export type StreamNeeds = {
  readonly database: () => OpenDatabase;
  readonly choice: () => Promise<EventChoice>;
  readonly after: number | "now";
  readonly signals: readonly AbortSignal[];
  readonly onInterrupted?: ((error: Error) => void) | undefined;
};

const pageRows = 500;
/** Notices get lost, with a connection or in a pooler: then this is how late an event may come. */
const pollMs = 2_000;
const longestPauseMs = 5_000;

/** @throws from its first `next()`: what is wrong with the choice, or with the database. Later losses are waited out */
export function streamEvents({ database, choice, after, signals, onInterrupted }: StreamNeeds): Subscription {
  const stopping = new AbortController();
  const { signal } = stopping;
  const stop = () => stopping.abort();
  for (const given of signals) given.addEventListener("abort", stop);
  if (signals.some(({ aborted }) => aborted)) stop();
  // "Now" is when it was asked for, not when somebody begins to read.
  const beginning = begin();
  beginning.catch(() => undefined);
  let position: number | undefined;
  const events = run();
  return {
    get position() {
      return position;
    },
    next: async () => await events.next(),
    async return() {
      stop();
      return await events.return(undefined);
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };

  async function begin(): Promise<{ from: number; chosen: EventChoice }> {
    const [from, chosen] = await Promise.all([after === "now" ? lastPosition(database().db) : after, choice()]);
    return { from, chosen };
  }

  async function* run(): AsyncGenerator<OfficeEvent, undefined> {
    let bell: Bell | undefined;
    try {
      if (signal.aborted) return;
      const { from, chosen } = await beginning;
      position = from;
      bell = openBell(database().sql, eventsChannel, signal);
      let begun = false;
      for (let failures = 0; !signal.aborted;) {
        bell.hush();
        try {
          const page = await readEvents(database().db, position, pageRows, chosen);
          [begun, failures] = [true, 0];
          for (const event of page.events) {
            if (signal.aborted) return;
            position = event.position;
            yield event;
          }
          position = page.position;
          if (page.atEnd) await bell.rings(pollMs);
        } catch (error) {
          if (signal.aborted) return;
          if (!begun || errorCodeOf(error) !== "DATABASE_UNREACHABLE") throw error;
          if (failures === 0) onInterrupted?.(error as Error);
          await bell.rings(Math.min(100 * 2 ** failures++, longestPauseMs));
        }
      }
    } finally {
      stop();
      for (const given of signals) given.removeEventListener("abort", stop);
      bell?.close();
    }
  }
}
