import { readFile } from "node:fs/promises";
import { v5 as uuidv5, v7 as uuidv7 } from "uuid";
import type { ItemState, RedriveMembers, StartRedriveOptions } from "../client/index.ts";
import type { Duration } from "../model/duration.ts";
import type { Filter, LetterOrder } from "../model/filter.ts";
import { usage } from "../model/office-error.ts";
import { readRedrive } from "../model/read-redrive.ts";
import { idsIn } from "./read-ids.ts";
import { parseInput } from "./read-input.ts";
import { readStdin } from "./read-stdin.ts";
import { type RunFlags, runOf } from "./run-flags.ts";
import { type SignatureFlags, signatureOf } from "./signature-flags.ts";

export type RedriveFlags = SignatureFlags &
  RunFlags & {
    readonly ids?: string;
    readonly from?: string;
    readonly outcome?: readonly ItemState[];
    readonly rate: number;
    readonly maxInFlight: number;
    readonly first?: number;
    readonly order: LetterOrder;
    readonly jitter?: Duration;
    readonly canary?: number;
    readonly ramp?: true;
    readonly stopOnFailure: number | false;
    readonly stopOnSameCause: number | false;
    readonly force?: true;
    readonly maxRetries?: number;
    readonly amend?: string;
    readonly when?: string;
    readonly settle?: Duration;
  };

/** Which letters a redrive is about, and how it is to go. */
export type Redriving = { readonly which: RedriveMembers; readonly options: StartRedriveOptions };

/**
 * What the flags of `dlo redrive` ask for.
 *
 * @throws {OfficeError} `USAGE` for none or several choices of letters, and for what cannot be read
 */
export async function readRedriveFlags(filter: Filter, flags: RedriveFlags): Promise<Redriving> {
  const { rate, maxInFlight, first, order, jitter, canary, ramp, force, maxRetries, amend, when, settle } = flags;
  const { stopOnFailure, stopOnSameCause } = flags;
  const which = await membersOf(filter, flags);
  const { id, ...signature } = signedStart(flags);
  const run = runOf(flags);
  const options = {
    ...(run === undefined ? {} : { command: { name: "retry" as const, run } }),
    ...{ rate, maxInFlight, order, stopOnFailure, stopOnSameCause },
    ...signature,
    ...(first === undefined ? {} : { first }),
    ...(jitter === undefined ? {} : { jitter }),
    ...(canary === undefined ? {} : { canary }),
    ...(ramp ? { ramp } : {}),
    ...(force ? { force } : {}),
    ...(maxRetries === undefined ? {} : { maximumRetries: maxRetries }),
    ...(amend === undefined ? {} : { amend: await readAmend(amend) }),
    ...(when === undefined ? {} : { when }),
    ...(settle === undefined ? {} : { settle }),
  };
  // What cannot be meant is refused before anything is reached.
  readRedrive(uuidv7(), which, options, { by: "", atMs: 0 });
  return {
    which,
    options: { ...options, ...(id === undefined ? {} : { id }) },
  };
}

/** Who starts a redrive, why, and the id by which a repeat is known. */
export function signedStart(flags: SignatureFlags): Pick<StartRedriveOptions, "by" | "reason" | "id"> {
  const { requestId, ...signature } = signatureOf(flags);
  return { ...signature, ...(requestId === undefined ? {} : { id: uuidv5(requestId, requests) }) };
}

/**
 * A JSON Patch, a file of one, or the name of an amendment of the office's configuration.
 *
 * @throws {OfficeError} `USAGE` for a file that cannot be read, `INPUT_INVALID` for what is no JSON
 */
export async function readAmend(text: string): Promise<NonNullable<StartRedriveOptions["amend"]>> {
  if (!/^[@[{]/.test(text.trimStart())) return { by: text };
  const file = text.startsWith("@") ? text.slice(1) : undefined;
  const json = file === undefined ? text : await readFile(file, "utf8").catch(() => undefined);
  if (json === undefined) throw usage(`The patch's file ${file} cannot be read`);
  const patch = parseInput(json, file ?? "The patch");
  return { patch: (Array.isArray(patch) ? patch : [patch]) as object[] };
}

/** The same request is the same redrive: its id is made of the request's. */
const requests = "0f4bb2b7-4b0c-4d0e-9d8c-7a3d51e0c0de";

async function membersOf(filter: Filter, { ids, from, outcome }: RedriveFlags): Promise<RedriveMembers> {
  const hasFilter = Object.keys(filter).length > 0;
  if (Number(hasFilter) + Number(ids !== undefined) + Number(from !== undefined) !== 1)
    throw usage("Which letters? Give a filter, --ids, or --from; exactly one of them. For all open ones: status:open");
  if (outcome !== undefined && from === undefined) throw usage("--outcome goes with --from");
  if (ids !== undefined) return { ids: await readIdFile(ids) };
  if (from !== undefined) return { from: { redrive: from, ...(outcome === undefined ? {} : { states: outcome }) } };
  return { filter };
}

async function readIdFile(file: string): Promise<string[]> {
  const text = file === "-" ? await readStdin("letter ids") : await readFile(file, "utf8").catch(() => undefined);
  if (text === undefined) throw usage(`The file ${file} cannot be read`);
  const where = file === "-" ? "standard input" : file;
  const found = idsIn(text, where);
  if (found.length === 0)
    throw usage(`No letter ids came in from ${where}. Give one a line, or what dlo list prints as JSON`);
  return found;
}
