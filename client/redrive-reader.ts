import { usage } from "../model/office-error.ts";
import { type ItemState, itemStates } from "../model/redrive.ts";
import { unknownWord } from "../model/suggest.ts";
import type { Db } from "../schema/database.ts";
import { getRedrive, listItems, listRedrives, type Redrive, type RedriveItem } from "../schema/redrive-rows.ts";
import { resolveRedrive } from "../schema/resolve-redrive.ts";

export type ListRedrivesOptions = {
  /** @default 50 @maximum 1000 */
  readonly limit?: number;
  /** Those before this one. */
  readonly after?: string;
};

export type RedriveList = {
  readonly redrives: readonly Redrive[];
  /** `after` of the next page, where there is one. */
  readonly next?: string;
};

export type ListItemsOptions = {
  /** @default all */
  readonly states?: readonly ItemState[];
  /** Begin after this item's `n`. @default 0 */
  readonly after?: number;
  /** @default 1000 @maximum 10000 */
  readonly limit?: number;
};

/** What of redrives is read from the tables alone: it answers while Temporal is down. */
export type RedriveReader = {
  get(id: string): Promise<Redrive>;
  /** Newest first. */
  list(options?: ListRedrivesOptions): Promise<RedriveList>;
  /** The letters, in order, each with what came of it. */
  items(id: string, options?: ListItemsOptions): Promise<readonly RedriveItem[]>;
};

export function readRedrives(database: () => Db, namespace: string): RedriveReader {
  return {
    get: async (id) => publicRedrive(await getRedrive(database(), await resolveRedrive(database(), id))),
    async list({ limit = 50, after } = {}) {
      if (!Number.isInteger(limit) || limit < 1 || limit > 1000)
        throw usage(`limit must be a whole number from 1 to 1000, got ${limit}`);
      const place =
        after === undefined ? undefined : await getRedrive(database(), await resolveRedrive(database(), after));
      const found = await listRedrives(database(), {
        ...{ namespace, limit: limit + 1 },
        ...(place === undefined ? {} : { after: place }),
      });
      const redrives = found.slice(0, limit).map(publicRedrive);
      const last = redrives.at(-1);
      return { redrives, ...(found.length > limit && last !== undefined ? { next: last.id } : {}) };
    },
    async items(id, { states, after = 0, limit = 1000 } = {}) {
      for (const state of states ?? [])
        if (!itemStates.includes(state)) throw usage(unknownWord("state of an item", state, itemStates));
      if (!Number.isInteger(limit) || limit < 1 || limit > 10_000)
        throw usage(`limit must be a whole number from 1 to 10,000, got ${limit}`);
      const whole = await resolveRedrive(database(), id);
      return await listItems(database(), whole, { ...(states === undefined ? {} : { states }), after, limit });
    },
  };
}

/** Without what the office alone looks at. */
export function publicRedrive<T extends Redrive>(redrive: T): Redrive {
  const { judged: _, uncounted: __, ...shown } = redrive as T & { judged?: unknown; uncounted?: unknown };
  return shown;
}
