import { commandNames } from "./command.ts";
import type { Duration } from "./duration.ts";
import { parseDuration } from "./duration.ts";
import type { LetterOrder } from "./filter.ts";
import { letterOrders } from "./filter.ts";
import { type FilterOrLine, filterFrom } from "./filter-line.ts";
import { usage } from "./office-error.ts";
import { checkProbeName } from "./probes.ts";
import { readCommand } from "./read-command.ts";
import {
  type Amend,
  type BulkCommand,
  endedItemStates,
  type ItemState,
  type Members,
  type RedriveControl,
  type RedriveLimits,
  type RedriveSpec,
} from "./redrive.ts";
import { unknownWord } from "./suggest.ts";

/** Which letters. Exactly one of these. */
export type RedriveMembers = {
  /** Those that fit it when the redrive begins; open ones, unless it says a status. */
  readonly filter?: FilterOrLine;
  /** Those of this cause. */
  readonly cause?: string;
  /** These: whole ids. */
  readonly ids?: readonly string[];
  /** Those of an earlier redrive that had these outcomes. */
  readonly from?: { readonly redrive: string; readonly states?: readonly ItemState[] };
};

export type RedriveOptions = {
  /** What each letter is asked. @default { name: "retry" } */
  readonly command?: BulkCommand;
  /** Which go first, by their first death. @default "oldest" */
  readonly order?: LetterOrder;
  /** At most so many, in that order. @default all */
  readonly first?: number;
  /** Letters a second. @minimum 0.1 @maximum 500 @default 10 */
  readonly rate?: number;
  /** How many may be under way at a time. @default 100 */
  readonly maxInFlight?: number;
  /** Each is asked up to so much later than its turn, at random. @default 0 */
  readonly jitter?: Duration;
  /** So many must recover before the rest goes. @default none */
  readonly canary?: number;
  /** Grows by steps of 1, 2, 5, 20, 50, 100 …, each of which begins when all of the one before have recovered. @default false */
  readonly ramp?: boolean;
  /** Stops when more than this share of those that have ended died again, from 10 on. `false` never does. @default 0.1 */
  readonly stopOnFailure?: number | false;
  /** Stops when so many have died again of the cause that they had before. `false` never does. @default 1 */
  readonly stopOnSameCause?: number | false;
  /** Retries those that need a person, too. @default false */
  readonly force?: boolean;
  /** Leaves out letters that were retried so often already. @default none is left out */
  readonly maximumRetries?: number;
  /** Changes each letter's input: a JSON Patch, or a function that the office's config names. */
  readonly amend?: Amend;
  /** A probe that the office's config names: while it says no, no more letters are asked. @default none */
  readonly when?: string;
  /** How long it waits for the last outcomes, once all were asked. @default "1 hour" */
  readonly settle?: Duration;
  readonly by?: string;
  readonly reason?: string;
};

const optionKeys = [
  ...[
    "command",
    "order",
    "first",
    "rate",
    "maxInFlight",
    "jitter",
    "canary",
    "ramp",
    "stopOnFailure",
    "stopOnSameCause",
  ],
  ...["force", "maximumRetries", "amend", "when", "settle", "by", "reason"],
];

/** A history holds them, and so does each new run's argument. */
const mostIds = 20_000;

/**
 * Checks what is asked of a redrive, and fills in the rest.
 *
 * @throws {OfficeError} `USAGE` with the option, what it is, and what it should be
 */
export function readRedrive(
  id: string,
  which: RedriveMembers,
  options: RedriveOptions,
  asked: { readonly by: string; readonly atMs: number },
): RedriveSpec {
  for (const key of Object.keys(options))
    if (!optionKeys.includes(key)) throw usage(unknownWord("redrive option", key, optionKeys));
  const { command = { name: "retry" }, order = "oldest", first, canary = 0, ramp = false, force = false } = options;
  const { maximumRetries, amend, settle = "1 hour", when, by = asked.by, reason } = options;
  if (!bulkNames.includes(command.name)) throw usage(unknownWord("bulk command", command.name, bulkNames));
  const { name, ...fields } = command;
  const checked = name === "amend" && amend !== undefined ? { ...fields, input: null } : fields;
  for (const key of ["after", "when", "cancel"])
    if (key in command)
      throw usage(`A redrive's own options say when each letter has its turn, so its command takes no ${key}`);
  // Not a command of the letter's workflow: that has ended.
  readCommand(name === "reopen" ? "discard" : name, { ...checked, by, ...(reason === undefined ? {} : { reason }) });
  if (!letterOrders.includes(order)) throw usage(unknownWord("order", String(order), letterOrders));
  if (amend !== undefined) checkAmend(amend, command);
  for (const [key, flag] of Object.entries({ ramp, force }))
    if (typeof flag !== "boolean") throw usage(`${key} must be true or false`);
  return {
    version: 1,
    id,
    command,
    members: readMembers(which),
    order,
    first: first === undefined ? null : whole("first", first, 1),
    force,
    maximumRetries: maximumRetries === undefined ? null : whole("maximumRetries", maximumRetries, 1),
    amend: amend ?? null,
    when: when === undefined ? null : checkProbeName(when),
    canary: whole("canary", canary, 0),
    ramp,
    limits: { ...defaultLimits, ...readLimits(options) },
    settleMs: asUsage(() => parseDuration(settle, "settle", { minimumMs: 0 })),
    askedAtMs: asked.atMs,
    by,
    ...(reason === undefined ? {} : { reason }),
  };
}

const defaultLimits: RedriveLimits = {
  rate: 10,
  maxInFlight: 100,
  jitterMs: 0,
  stopOnFailure: 0.1,
  stopOnSameCause: 1,
};

/** What of a redrive's limits is given, checked. */
function readLimits(
  given: Pick<RedriveOptions, "rate" | "maxInFlight" | "jitter" | "stopOnFailure" | "stopOnSameCause">,
): Partial<RedriveLimits> {
  const { rate, maxInFlight, jitter, stopOnFailure, stopOnSameCause } = given;
  if (rate !== undefined && !(typeof rate === "number" && rate >= 0.1 && rate <= 500))
    throw usage(`rate must be from 0.1 to 500 letters a second, got ${String(rate)}`);
  if (stopOnFailure !== undefined && stopOnFailure !== false && !(stopOnFailure >= 0 && stopOnFailure < 1))
    throw usage(
      `stopOnFailure must be a share from 0 to 1, such as 0.1 for 10%, or false, got ${String(stopOnFailure)}`,
    );
  return {
    ...(rate === undefined ? {} : { rate }),
    ...(maxInFlight === undefined ? {} : { maxInFlight: whole("maxInFlight", maxInFlight, 1) }),
    ...(jitter === undefined
      ? {}
      : { jitterMs: asUsage(() => parseDuration(jitter, "jitter", { minimumMs: 0, maximumMs: longestJitterMs })) }),
    ...(stopOnFailure === undefined ? {} : { stopOnFailure: stopOnFailure === false ? null : stopOnFailure }),
    ...(stopOnSameCause === undefined
      ? {}
      : { stopOnSameCause: stopOnSameCause === false ? null : whole("stopOnSameCause", stopOnSameCause, 1) }),
  };
}

export type RedriveControlArgs = {
  readonly limits?: Partial<RedriveLimits>;
  readonly by?: string;
  readonly reason?: string;
  readonly requestId?: string;
};

/**
 * Checks a command to a redrive at the door: the client's, a plain signal's, an update's.
 *
 * @throws {OfficeError} `USAGE`
 */
export function readRedriveControl(name: RedriveControl, given: unknown): RedriveControlArgs {
  const fields = (given ?? {}) as Record<string, unknown>;
  if (typeof given === "object" && Array.isArray(given))
    throw usage(`${name}: expected an object such as {"by":"ann"}`);
  if (typeof fields !== "object") throw usage(`${name}: expected an object such as {"by":"ann"}`);
  const limitKeys = ["rate", "maxInFlight", "jitter", "stopOnFailure", "stopOnSameCause"];
  const known = ["by", "reason", "requestId", ...(name === "set" ? limitKeys : [])];
  for (const key of Object.keys(fields))
    if (!known.includes(key)) throw usage(unknownWord(`field of "${name}"`, key, known));
  const { by, reason, requestId, ...limits } = fields;
  for (const [key, value] of Object.entries({ by, reason, requestId }))
    if (value !== undefined && (typeof value !== "string" || value.length > 10_000))
      throw usage(`${name}: ${key} must be a text`);
  if (name === "set" && Object.keys(limits).length === 0)
    throw usage(`set: give what is to change, such as {"rate":50}. There is ${limitKeys.join(", ")}`);
  return {
    ...(name === "set" ? { limits: readLimits(limits) } : {}),
    ...(by === undefined ? {} : { by: by as string }),
    ...(reason === undefined ? {} : { reason: reason as string }),
    ...(requestId === undefined ? {} : { requestId: requestId as string }),
  };
}

const bulkNames: readonly string[] = [...commandNames, "reopen"];

function readMembers(which: RedriveMembers): Members {
  const given = Object.entries(which).filter(([, value]) => value !== undefined);
  const keys = ["filter", "cause", "ids", "from"];
  for (const [key] of given) if (!keys.includes(key)) throw usage(unknownWord("choice of letters", key, keys));
  if (given.length !== 1)
    throw usage("Which letters? Give a filter, a cause, ids, or an earlier redrive; exactly one of them");
  const { filter, cause, ids, from } = which;
  if (filter !== undefined) {
    const read = filterFrom(filter);
    const { namespace: _, ...rest } = read;
    if (Object.keys(rest).length === 0)
      throw usage(
        'An empty filter would mean all letters. Say which, such as job:import-movie; for all open ones "status:open"',
      );
    return { filter: read };
  }
  if (cause !== undefined) return { filter: { cause } };
  if (from !== undefined) {
    const { redrive, states = ["died_again", "refused", "skipped"] } = from;
    for (const state of states)
      if (!(endedItemStates as readonly string[]).includes(state))
        throw usage(unknownWord("outcome", state, endedItemStates));
    return { redrive, states };
  }
  if (!Array.isArray(ids) || ids.length === 0) throw usage("ids must be a list of letter ids");
  if (ids.length > mostIds)
    throw usage(
      `${ids.length} ids are more than the ${mostIds} that fit into one redrive. Say by a filter which letters are meant`,
    );
  for (const one of ids as readonly unknown[])
    if (typeof one !== "string" || !/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(one))
      throw usage(`${JSON.stringify(one)} is no whole id of a letter`);
  return { ids: [...new Set(ids as readonly string[])] };
}

function checkAmend(amend: Amend, command: BulkCommand): void {
  if (typeof amend !== "object" || amend === null)
    throw usage(`amend must be { patch: […] } or { by: "name" }, got ${JSON.stringify(amend)}`);
  if (command.name !== "retry" && command.name !== "amend")
    throw usage(`amend goes with retry and amend, not with ${command.name}`);
  if ("input" in command && command.input !== undefined)
    throw usage("Give either one new input for all letters, or amend, which changes each letter's own");
  if ("fromFailure" in command && command.fromFailure === true)
    throw usage("fromFailure goes on with the input that each had: it goes without amend");
  if ("by" in amend) {
    if (typeof amend.by !== "string" || amend.by === "")
      throw usage("amend.by must be the name of an amendment of the office's config");
    return;
  }
  if (!Array.isArray(amend.patch) || amend.patch.length === 0)
    throw usage('amend.patch must be a JSON Patch, such as [{ op: "replace", path: "/year", value: 1927 }]');
  for (const [i, operation] of (amend.patch as readonly Record<string, unknown>[]).entries()) {
    const { op, path } = operation ?? {};
    if (typeof op !== "string" || !patchOps.includes(op))
      throw usage(`amend.patch[${i}]: ${unknownWord("operation", String(op), patchOps)}`);
    for (const [key, pointer] of Object.entries({
      path,
      ...(op === "move" || op === "copy" ? { from: operation["from"] } : {}),
    }))
      if (typeof pointer !== "string" || !/^(\/.*)?$/s.test(pointer))
        throw usage(
          `amend.patch[${i}].${key} must be a JSON pointer, such as "/order/total", got ${JSON.stringify(pointer)}`,
        );
    if (["add", "replace", "test"].includes(op) && !("value" in operation))
      throw usage(`amend.patch[${i}] needs a value`);
  }
}

const patchOps: readonly string[] = ["add", "remove", "replace", "move", "copy", "test"];

function whole(what: string, value: unknown, minimum: number): number {
  if (!Number.isSafeInteger(value) || (value as number) < minimum || (value as number) > 2_000_000_000)
    throw usage(`${what} must be a whole number of at least ${minimum}, got ${String(value)}`);
  return value as number;
}

/** Longer than this is another redrive. */
const longestJitterMs = 24 * 60 * 60_000;

function asUsage<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw usage(error instanceof Error ? error.message : String(error));
  }
}
