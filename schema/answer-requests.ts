import { sql } from "drizzle-orm";
import { cleanText, cutText } from "../model/clean.ts";
import { type ErrorCode, letterNotFound } from "../model/office-error.ts";
import { mostOptionsBytes, type RequestRow } from "../model/read-request.ts";
import type { Status } from "../model/status.ts";
import type { Db } from "./database.ts";
import { translatingErrors } from "./translate-error.ts";
import { now } from "./now.ts";

/** What `LISTEN` must name to hear of new requests. */
export const requestsChannel = "dlo_requests";

/** A request that somebody has for himself until `leaseUntil`. */
export type ClaimedRequest = RequestRow & { readonly leaseUntil: string };

export type RequestAnswer =
  | { readonly state: "done"; readonly answer: string; readonly redriveId?: string }
  | { readonly state: "refused"; readonly answer: string; readonly code: ErrorCode };

/**
 * Takes the next requests of a namespace, in the order of asking, for as long as the lease. Those whose lease has run out
 * are taken again: whoever had them has crashed, or was told to come back later. What is asked of one letter is taken one by one.
 *
 * Any number may claim at once. 50 of 100,000 that waited took 1 ms. Index: `requests_asked`.
 */
export async function claimRequests(
  db: Db,
  namespace: string,
  { rows, leaseMs }: { readonly rows: number; readonly leaseMs: number },
): Promise<ClaimedRequest[]> {
  return await translatingErrors(db, async () => {
    // With "letter_id is null or" the look for earlier ones stays a probe of each row that is taken; as a join it would read all that wait.
    const claimed = await db.execute<Claimed>(sql`
      with next as materialized (
        select r.id from dlo.requests r
        where r.namespace = ${namespace} and r.state in ('asked', 'working')
          and (r.state = 'asked' or r.lease_until < clock_timestamp())
          and (r.letter_id is null or not exists (
            select from dlo.requests earlier
            where earlier.state in ('asked', 'working') and earlier.id < r.id
              and earlier.letter_id = r.letter_id and earlier.namespace = r.namespace))
        order by r.id limit ${rows}
        for update of r skip locked
      )
      update dlo.requests r set state = 'working', lease_until = ${later(leaseMs)}
      from next where r.id = next.id
      returning r.id::text, left(r.command, ${longestText}) as command, r.letter_id as "letterId", left(r.filter, ${longestText}) as filter,
        case when octet_length(r.options::text) <= ${mostOptionsBytes} then r.options::text end as options,
        coalesce(octet_length(r.options::text), 0) as "optionsBytes", left(r.reason, ${longestText}) as reason, r.by,
        (extract(epoch from r.asked_at) * 1000)::float8 as "askedAtMs", r.lease_until::text as "leaseUntil"`);
    return [...claimed].toSorted((one, other) => Number(one.id) - Number(other.id));
  });
}

type Claimed = ClaimedRequest & Record<string, unknown>;

/** Longer texts are refused: what is cut here is still too long. */
const longestText = 20_000;

/** Writes the answer, unless somebody else has the request by now. */
export async function answerRequest(
  db: Db,
  { id, leaseUntil }: Pick<ClaimedRequest, "id" | "leaseUntil">,
  given: RequestAnswer,
): Promise<"written" | "stale"> {
  const code = given.state === "refused" ? given.code : null;
  const redriveId = given.state === "done" ? (given.redriveId ?? null) : null;
  return await translatingErrors(db, async () => {
    const written = await db.execute(sql`
      update dlo.requests set state = ${given.state}, lease_until = null, answered_at = ${now},
        redrive_id = ${redriveId}::uuid, code = ${code}, answer = ${shown(given.answer)}
      where id = ${id}::bigint and state = 'working' and lease_until = ${leaseUntil}::timestamptz returning id`);
    return written.length > 0 ? "written" : "stale";
  });
}

/** Leaves a request to whoever claims after so long, and says meanwhile what it waits for. */
export async function putOffRequest(
  db: Db,
  { id, leaseUntil }: Pick<ClaimedRequest, "id" | "leaseUntil">,
  forMs: number,
  why: string | null = null,
): Promise<void> {
  await translatingErrors(db, async () => {
    await db.execute(sql`
      update dlo.requests set lease_until = ${later(forMs)}, answer = ${why === null ? null : shown(why)}
      where id = ${id}::bigint and state = 'working' and lease_until = ${leaseUntil}::timestamptz`);
  });
}

export type AskedLetter = {
  readonly id: string;
  readonly namespace: string;
  readonly workflowId: string;
  readonly status: Status;
  /** Whether its story has what this request asked for. */
  readonly carriedOut: boolean;
};

/**
 * The letter of a request. Indexes: the primary key, `events_of_letter`.
 *
 * @throws {OfficeError} `LETTER_NOT_FOUND`
 */
export async function letterOfRequest(db: Db, letterId: string, requestId: string): Promise<AskedLetter> {
  return await translatingErrors(db, async () => {
    const [letter] = await db.execute<AskedLetter & Record<string, unknown>>(sql`
      select l.id, l.namespace, l.workflow_id as "workflowId", l.status, exists (
        select from dlo.events where letter_id = l.id and request_id = ${requestId} and type <> 'refused') as "carriedOut"
      from dlo.dead_letters l where l.id = ${letterId}::uuid`);
    if (letter === undefined) throw letterNotFound(letterId);
    return letter;
  });
}

/** Whether a redrive stands in its table: whoever follows it finds it there. */
export async function isRedriveThere(db: Db, redriveId: string): Promise<boolean> {
  return await translatingErrors(db, async () => {
    const found = await db.execute(sql`select from dlo.redrives where id = ${redriveId}::uuid`);
    return found.length > 0;
  });
}

function later(ms: number) {
  return sql`${now} + ${ms}::float8 * interval '1 millisecond'`;
}

const longestAnswerBytes = 10_000;

function shown(text: string): string {
  return cutText(cleanText(text), longestAnswerBytes);
}
