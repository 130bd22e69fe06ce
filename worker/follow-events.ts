import type { EventType } from "../model/event.ts";
import { moveCursor, readCursor } from "../schema/cursors.ts";
import type { Db } from "../schema/database.ts";
import { lastPosition, type OfficeEvent, readEvents } from "../schema/read-events.ts";
import { keepDoing } from "./keep-doing.ts";

/** Someone whom the office hands events to, in order. */
export type Follower = {
  /** Under which its place is kept in `dlo.cursors`; a new name begins with the events to come. */
  readonly name: string;
  /** Others are passed by. @default all */
  readonly types?: readonly EventType[];
  /**
   * Deals with events. Where it fails, the same ones come again; after a crash, and with several offices, so they may too:
   * they are told apart by `position`.
   */
  take(events: readonly OfficeEvent[]): Promise<void>;
};

const pageRows = 200;
const pauseMs = 500;

/** Hands a follower its events, page by page; its place moves on once a page is dealt with. */
export async function followEvents(db: Db, { name, types, take }: Follower, signal: AbortSignal): Promise<void> {
  const round = async () => {
    const from = await readCursor(db, name);
    if (from === undefined) {
      await moveCursor(db, name, { from, to: await lastPosition(db) });
      return 0;
    }
    const page = await readEvents(db, from, pageRows, types === undefined ? {} : { types });
    if (page.position === from) return pauseMs;
    if (page.events.length > 0) await take(page.events);
    await moveCursor(db, name, { from, to: page.position });
    return page.atEnd ? pauseMs : 0;
  };
  await keepDoing(`hand events to "${name}"`, round, signal);
}
