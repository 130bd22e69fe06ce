import { type Client, isGrpcServiceError } from "@temporalio/client";
import { Runtime } from "@temporalio/worker";
import { grpcAnswer, invalidArgument } from "../model/grpc-answer.ts";
import { type ErrorCode, errorCodeOf } from "../model/office-error.ts";
import {
  answerRequest,
  claimRequests,
  type ClaimedRequest,
  putOffRequest,
  type RequestAnswer,
  requestsChannel,
} from "../schema/answer-requests.ts";
import { openBell } from "../schema/bell.ts";
import { openDatabase } from "../schema/database.ts";
import { carryOutRequest } from "./carry-out-request.ts";
import { keepDoing } from "./keep-doing.ts";

/*
 *   asked ── claim, commit ──▶ working ── act ──▶ done, or refused with the reason
 *                               ▲  │
 *                               │  ├─ Temporal, Postgres or the letter's office does not answer: put off, with what it waits for
 *                               └──┴─ a crash: its lease runs out
 *
 * The row is the truth, NOTIFY only a bell. What is done twice after a crash is one thing to those who do it: letters remember the
 * request's id, and its redrive has an id that is made from it.
 */

export type RequestNeeds = {
  readonly databaseUrl: string;
  readonly client: Client;
  /** The office's name: its task queue runs the redrives. */
  readonly office: string;
  readonly databaseId: string;
};

/** So many are under way at a time in one office; a letter or a worker that does not answer holds up one of them. */
const atOnce = 50;
/** Longer than a letter is waited for. */
const leaseMs = 60_000;
/** Notices get lost, with a connection or in a pooler: then this is how late a request may be seen. */
const pollMs = 2_000;
const [shortestWaitMs, longestWaitMs] = [2_000, 60_000];

/** Starts to answer what is asked in `dlo.requests`, for the client's namespace, until it is closed. Any number of offices may do so. */
export function answerRequests({ databaseUrl, client, office, databaseId }: RequestNeeds): { close(): Promise<void> } {
  const { namespace } = client.options;
  const database = openDatabase(databaseUrl, { connections: 2, part: "clerk" });
  const { db } = database;
  const stopping = new AbortController();
  const { signal } = stopping;
  const bell = openBell(database.sql, requestsChannel, signal);
  const underWay = new Set<Promise<void>>();
  const look = async () => {
    bell.hush();
    const rows = atOnce - underWay.size;
    const claimed = rows === 0 ? [] : await claimRequests(db, namespace, { rows, leaseMs });
    for (const request of claimed) {
      const work = answer(request).finally(() => {
        underWay.delete(work);
        // There is room for another, and one of the same letter may have waited for this one.
        bell.ring();
      });
      underWay.add(work);
    }
    await bell.rings(pollMs);
    return 0;
  };
  const looking = keepDoing("look for requests", look, signal);

  async function answer(request: ClaimedRequest): Promise<void> {
    try {
      let given: RequestAnswer;
      try {
        given = await carryOutRequest({ db, client, office, databaseId, signal }, request);
      } catch (error) {
        if (signal.aborted) return await putOffRequest(db, request, 0);
        const refused = refusalOf(error);
        if (refused === undefined) return await putOff(request, messageOf(error));
        given = refused;
      }
      await answerRequest(db, request, given);
    } catch (error) {
      // Its lease runs out, and it is looked at again.
      if (!signal.aborted) warn(request, messageOf(error));
    }
  }

  async function putOff(request: ClaimedRequest, why: string): Promise<void> {
    warn(request, why);
    const waitedMs = Date.now() - request.askedAtMs;
    const waitMs = Math.min(longestWaitMs, Math.max(shortestWaitMs, waitedMs / 2));
    await putOffRequest(db, request, waitMs, `Not yet, and it is tried again: ${why}`);
  }

  return {
    close: async () => {
      stopping.abort();
      await looking;
      await Promise.all(underWay);
      bell.close();
      await database.close();
    },
  };
}

/** What passes by itself. All other errors of ours are a refusal. */
const passing: readonly ErrorCode[] = [
  "WAIT_TIMEOUT",
  "TEMPORAL_UNREACHABLE",
  "DATABASE_UNREACHABLE",
  "DATABASE_ERROR",
];

function refusalOf(error: unknown): RequestAnswer | undefined {
  const code = errorCodeOf(error);
  if (code !== undefined && !passing.includes(code)) return { state: "refused", code, answer: messageOf(error) };
  const said = grpcAnswer(error);
  if (said?.code === invalidArgument)
    return { state: "refused", code: "USAGE", answer: `Temporal does not take it: ${said.details}` };
  return undefined;
}

function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return isGrpcServiceError(error.cause) ? `${error.message}: ${error.cause.details}` : error.message;
}

function warn({ id }: ClaimedRequest, why: string): void {
  Runtime.instance().logger.warn(`Request ${id} cannot be carried out at the moment, and is tried again`, { why });
}
