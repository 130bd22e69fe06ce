import { setTimeout as sleep } from "node:timers/promises";
import { type Client, type WorkflowHandle, WorkflowNotFoundError, WorkflowUpdateFailedError } from "@temporalio/client";
import { ApplicationFailure } from "@temporalio/common";
import { v7 as uuidv7 } from "uuid";
import { startRedrive } from "../connect/start-redrive.ts";
import type { Signature } from "../model/command.ts";
import { previewType, redriveType, redriveWorkflowId } from "../model/ids.ts";
import { errorCodeOf, officeErrorOf, redriveState, usage } from "../model/office-error.ts";
import { readRedrive, readRedriveControl, type RedriveMembers, type RedriveOptions } from "../model/read-redrive.ts";
import { hasEnded, isOver, type RedriveControl, type RedriveSpec } from "../model/redrive.ts";
import type { RedrivePreview } from "../model/redrive-activities.ts";
import type { Db } from "../schema/database.ts";
import { getRedrive, type Redrive } from "../schema/redrive-rows.ts";
import { publicRedrive, type RedriveReader, readRedrives } from "./redrive-reader.ts";
import { isWholeId } from "../schema/resolve-prefix.ts";
import { resolveRedrive } from "../schema/resolve-redrive.ts";

export type StartRedriveOptions = RedriveOptions & {
  /** The redrive's id, a UUID: starting it again with the same one changes nothing. @default a new one */
  readonly id?: string;
  /** The office that runs it. @default "dead-letter-office" */
  readonly office?: string;
};

export type SetRedrive = Pick<RedriveOptions, "rate" | "maxInFlight" | "jitter" | "stopOnFailure" | "stopOnSameCause"> &
  Signature;

/**
 * Many letters at once, safely: at a rate, tried on a few first, stopped by itself where they die again, and proven item by item.
 *
 * Commands take ids whole or by their first 4 or more characters.
 *
 * @throws {OfficeError} `USAGE`, `REDRIVE_NOT_FOUND`, `REDRIVE_AMBIGUOUS`, `REDRIVE_STATE`, `WAIT_TIMEOUT` where no office answers
 */
export type Redrives = RedriveReader & {
  /** Starts one, and returns once it stands in the table. What dies later is not in it. */
  start(which: RedriveMembers, options?: StartRedriveOptions): Promise<Redrive>;
  /** What it would do, and why not to which letters; nothing is changed. */
  preview(which: RedriveMembers, options?: StartRedriveOptions): Promise<RedrivePreview>;
  pause(id: string, signature?: Signature): Promise<Redrive>;
  /** Goes on after a pause or a stop; what has died until now does not stop it again. */
  resume(id: string, signature?: Signature): Promise<Redrive>;
  /** Ends it: what was not tried is skipped, what runs goes on and still gets its outcome. */
  cancel(id: string, signature?: Signature): Promise<Redrive>;
  /** Changes its rate and limits while it runs. */
  set(id: string, change: SetRedrive): Promise<Redrive>;
  /** Its state each time that it has changed, until it has ended or stopped. */
  follow(
    id: string,
    options?: { readonly everyMs?: number; readonly signal?: AbortSignal },
  ): AsyncGenerator<Redrive, void>;
};

type Needs = { readonly temporal: Client; readonly database: () => Db };

/** How long an office may take to answer. A snapshot of a million letters is waited for longer. */
const officeMs = 20_000;

export function redrivesOf({ temporal, database }: Needs): Redrives {
  const { namespace, identity } = temporal.options;
  const specOf = async (
    which: RedriveMembers,
    { id = uuidv7(), office: _, ...options }: StartRedriveOptions,
  ): Promise<RedriveSpec> => {
    if (!isWholeId(id)) throw usage(`id must be a UUID, got ${JSON.stringify(id)}`);
    const spec = readRedrive(id, which, options, { by: identity ?? "unknown", atMs: Date.now() });
    const { members } = spec;
    if ("filter" in members && [members.filter.namespace ?? namespace].flat().some((name) => name !== namespace))
      throw usage(
        `A redrive is of the namespace that it is started in, which is "${namespace}", and the filter names another. Connect to that one (--namespace)`,
      );
    if (!("redrive" in members)) return spec;
    return { ...spec, members: { ...members, redrive: await resolveRedrive(database(), members.redrive) } };
  };
  const control = async (name: RedriveControl, given: string, args: object): Promise<Redrive> => {
    const checked = { by: identity, requestId: uuidv7(), ...args };
    readRedriveControl(name, checked);
    const id = await resolveRedrive(database(), given);
    const handle = temporal.workflow.getHandle(redriveWorkflowId(id));
    try {
      await temporal.connection.withDeadline(
        Date.now() + officeMs,
        async () => await handle.executeUpdate(name, { args: [checked], updateId: checked.requestId }),
      );
    } catch (error) {
      throw await translate(error, id, name);
    }
    return await getRedrive(database(), id);
  };
  const translate = async (error: unknown, id: string, name: string): Promise<unknown> => {
    if (error instanceof WorkflowUpdateFailedError && error.cause instanceof ApplicationFailure) {
      const code = errorCodeOf({ code: error.cause.type });
      if (code !== undefined) return officeErrorOf(code, error.cause.message, { id }, { cause: error });
    }
    if (error instanceof WorkflowNotFoundError) {
      const { status } = await getRedrive(database(), id);
      return redriveState(id, hasEnded(status) ? status : "not running: its workflow was terminated", name);
    }
    return error;
  };
  return {
    async start(which, options = {}) {
      const spec = await specOf(which, options);
      await startRedrive(temporal, redriveType, spec, options.office);
      return await appeared(database(), spec.id);
    },
    async preview(which, options = {}) {
      const spec = await specOf(which, options);
      const handle = await startRedrive(temporal, previewType, spec, options.office);
      return await previewed(handle);
    },
    ...readRedrives(database, namespace),
    pause: async (id, signature = {}) => publicRedrive(await control("pause", id, signature)),
    resume: async (id, signature = {}) => publicRedrive(await control("resume", id, signature)),
    cancel: async (id, signature = {}) => publicRedrive(await control("cancel", id, signature)),
    set: async (id, change) => publicRedrive(await control("set", id, change)),
    async *follow(given, { everyMs = 500, signal } = {}) {
      const id = await resolveRedrive(database(), given);
      for (let seen = ""; signal?.aborted !== true;) {
        const redrive = publicRedrive(await getRedrive(database(), id));
        const now = JSON.stringify(redrive);
        if (now !== seen) yield redrive;
        seen = now;
        if (isOver(redrive)) return;
        await pause(everyMs, signal);
      }
    },
  };
}

/** A preview of a million letters reads all of them. */
const previewMs = 120_000;

/** Waits until the office has written it. */
async function appeared(db: Db, id: string): Promise<Redrive> {
  const until = Date.now() + officeMs;
  for (let pauseMs = 25; ; pauseMs = Math.min(pauseMs * 1.5, 500)) {
    try {
      return publicRedrive(await getRedrive(db, id));
    } catch (error) {
      if (errorCodeOf(error) !== "REDRIVE_NOT_FOUND") throw error;
      if (Date.now() > until) throw nobodyAnswers(`Redrive ${id} was asked for, but no office has begun it`, officeMs);
    }
    await pause(pauseMs);
  }
}

/** Its answer, unless no office takes it up, or none comes to its end. */
async function previewed(handle: WorkflowHandle): Promise<RedrivePreview> {
  const answer = handle.result() as Promise<RedrivePreview>;
  // Not waited for where this gives up.
  answer.catch(() => undefined);
  let waitedMs = 0;
  for (const untilMs of [officeMs, previewMs]) {
    const first = await within(answer, untilMs - waitedMs);
    if (first !== undefined) return first;
    waitedMs = untilMs;
    // Its start, and the task that waits for an office.
    if ((await handle.describe()).historyLength <= 2) break;
  }
  await handle.terminate("nobody waits for it any more");
  throw nobodyAnswers("No office has looked at the letters", waitedMs);
}

async function within<T>(answer: Promise<T>, ms: number): Promise<T | undefined> {
  const over = new AbortController();
  const late = sleep(ms, undefined, { signal: over.signal }).catch(() => undefined);
  return await Promise.race([answer, late]).finally(() => over.abort());
}

function nobodyAnswers(what: string, ms: number) {
  return officeErrorOf(
    "WAIT_TIMEOUT",
    `${what} within ${ms / 1000} seconds. Is one running? (dlo office, or dlo dev)`,
    {},
  );
}

async function pause(ms: number, signal?: AbortSignal): Promise<void> {
  await sleep(ms, undefined, signal && { signal }).catch(() => undefined);
}
