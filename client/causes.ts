import { v7 as uuidv7 } from "uuid";
import {
  assignChange,
  type CauseChange,
  ignoreChange,
  noteChange,
  renameChange,
  reopenChange,
  resolveChange,
} from "../model/cause-change.ts";
import type {
  AssignCause,
  IgnoreCause,
  NoteCause,
  RenameCause,
  ReopenCause,
  ResolveCause,
} from "../model/cause-command.ts";
import { type CauseOrder, causeOrders, type CauseState, causeStates } from "../model/cause-state.ts";
import type { Signature } from "../model/command.ts";
import type { Filter } from "../model/filter.ts";
import { type FilterOrLine, filterFrom, inNamespace } from "../model/filter-line.ts";
import type { FingerprintRule } from "../model/fingerprint-rule.ts";
import { checkFingerprintRules } from "../model/fingerprint-rule.ts";
import { usage } from "../model/office-error.ts";
import { unknownWord } from "../model/suggest.ts";
import type { Db } from "../schema/database.ts";
import { type CauseStory, getCause } from "../schema/get-cause.ts";
import { type Cause, type CauseCursor, listCauses } from "../schema/list-causes.ts";
import { regroupCauses, type Regrouping } from "../schema/regroup-causes.ts";
import { resolveCause } from "../schema/resolve-cause.ts";
import { setCause } from "../schema/set-cause.ts";

export type CauseListOptions = {
  /** An ignored cause whose time has passed is open. @default "open" */
  readonly state?: CauseState | "all";
  /** The first of it first. @default "open" */
  readonly order?: CauseOrder;
  /** @default 50 @maximum 1000 */
  readonly limit?: number;
  /** The `next` of the page before. */
  readonly after?: string;
};

export type CausePage = {
  readonly causes: readonly Cause[];
  /** Whether `letters`, `open` and `jobs` are exact. False where the filter asks for more than facets, and for more letters than are read. */
  readonly exact: boolean;
  /** Where the next page begins; absent on the last. */
  readonly next?: string;
};

export type RegroupOptions = Signature & {
  /** The office's rules, `fingerprint` in its configuration. @default none: the built-in fingerprint alone */
  readonly rules?: readonly FingerprintRule[];
  /** @default false: nothing is changed, and the answer tells what would be */
  readonly apply?: boolean;
  /** Told after each batch how many letters were looked at. */
  readonly progress?: (letters: number) => void;
};

/**
 * Causes, of Postgres alone. An id may be shortened to 4 or more characters while it is unambiguous. Letters are counted in the
 * client's own namespace, unless the filter names another.
 *
 * Commands return the cause as it is after them, and may be repeated with the same `requestId`.
 *
 * @throws {OfficeError} `CAUSE_NOT_FOUND`, `CAUSE_AMBIGUOUS`, `USAGE`
 */
export type Causes = {
  /** Those that have a letter which fits the filter; without one, all. Open causes with the most open letters first. */
  list(filter?: FilterOrLine, options?: CauseListOptions): Promise<CausePage>;
  get(id: string): Promise<CauseStory>;
  /** Mended. It returns, as a regression, when it kills again; with `inBuild`, in that build or one that was not seen before. */
  resolve(id: string, command?: ResolveCause): Promise<CauseStory>;
  /** Not now: until a time, until so many more deaths, or until so many within a span; without any, until somebody says otherwise. */
  ignore(id: string, command?: IgnoreCause): Promise<CauseStory>;
  reopen(id: string, command?: ReopenCause): Promise<CauseStory>;
  note(id: string, command: NoteCause): Promise<CauseStory>;
  assign(id: string, command: AssignCause): Promise<CauseStory>;
  rename(id: string, command: RenameCause): Promise<CauseStory>;
  /** Gives old deaths the causes that they would get by today's rules. A dry run, unless `apply` is true. */
  regroup(filter?: FilterOrLine, options?: RegroupOptions): Promise<Regrouping>;
};

type Needs = { readonly database: () => Db; readonly namespace: string; readonly identity: string };

export function causesOf({ database, namespace, identity }: Needs): Causes {
  const here = { namespace };
  const scoped = (filter: FilterOrLine) => inNamespace(filterFrom(filter), namespace);
  const set = async (id: string, change: CauseChange, { by = identity, reason, requestId = uuidv7() }: Signature) => {
    const causeId = await resolveCause(database(), id);
    await setCause(database(), causeId, change, { by, requestId, ...(reason === undefined ? {} : { reason }) });
    return await getCause(database(), causeId, here);
  };
  return {
    list: async (filter = {}, options = {}) => await causePage(database(), scoped(filter), options),
    get: async (id) => await getCause(database(), id, here),
    resolve: async (id, command = {}) => await set(id, resolveChange(command), command),
    ignore: async (id, command = {}) => await set(id, ignoreChange(command, Date.now()), command),
    reopen: async (id, command = {}) => await set(id, reopenChange(command), command),
    note: async (id, command) => await set(id, noteChange(command), command),
    assign: async (id, command) => await set(id, assignChange(command), command),
    rename: async (id, command) => await set(id, renameChange(command), command),
    async regroup(filter = {}, { rules = [], apply = false, progress, by = identity, ...signature } = {}) {
      checkFingerprintRules(rules);
      return await regroupCauses(database(), {
        filter: scoped(filter),
        rules,
        ...(progress === undefined ? {} : { progress }),
        ...(apply ? { apply: { by, ...signature } } : {}),
      });
    },
  };
}

/** @throws {OfficeError} `USAGE` for options that cannot be meant */
async function causePage(db: Db, filter: Filter, options: CauseListOptions): Promise<CausePage> {
  const { state = "open", order = "open", limit = 50, after } = options;
  if (!Number.isInteger(limit) || limit < 1 || limit > 1000)
    throw usage(`limit must be a whole number from 1 to 1000, got ${limit}`);
  const states = [...causeStates, "all"];
  if (!states.includes(state)) throw usage(unknownWord("state", String(state), states));
  if (!causeOrders.includes(order)) throw usage(unknownWord("order", String(order), causeOrders));
  const { next, ...page } = await listCauses(db, filter, {
    state,
    order,
    rows: limit,
    ...(after === undefined ? {} : { after: readCursor(after) }),
  });
  return { ...page, ...(next === undefined ? {} : { next: `${next.value}.${next.id}` }) };
}

function readCursor(text: string): CauseCursor {
  const [, value, id] = /^(-?\d{1,15})\.([0-9a-f-]{36})$/.exec(text) ?? [];
  if (value === undefined || id === undefined)
    throw usage(`"${text}" is no place in the list: give the "next" of the page before`);
  return { value: Number(value), id };
}
