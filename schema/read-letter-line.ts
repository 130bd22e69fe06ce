import { randomUUID } from "node:crypto";
import { getTableColumns } from "drizzle-orm";
import { builtInCause } from "../model/cause-by-rule.ts";
import { categories } from "../model/category.ts";
import { supersededByWords } from "../model/contract.ts";
import { classify } from "../model/classify.ts";
import type { ErrorRecord } from "../model/error-record.ts";
import { defaultJobTaskQueue, defaultQueue, letterWorkflowId, longestIdBytes } from "../model/ids.ts";
import { attemptStates } from "../model/ledger.ts";
import { reasons } from "../model/reason.ts";
import { statuses } from "../model/status.ts";
import { fullLineVersion } from "./full-letter.ts";
import { kinds } from "./kinds.ts";
import { asList, asObject, type Fields, misfit, readRow } from "./read-row.ts";
import type { AttemptRow, CauseRow, DeadLetterRow } from "./rows.ts";
import { attempts, causes, deadLetters, deaths } from "./tables.ts";

type DeathInsert = Omit<typeof deaths.$inferInsert, "id" | "letterId" | "namespace">;

/** A letter as a line of an export tells it. */
export type ToldLetter = {
  /** Of where it came from; absent where the line has none. */
  readonly id: string | undefined;
  /** All columns but those that an import decides: id, namespace, status and clocks. */
  readonly row: Omit<DeadLetterRow, ImportedColumn | "retentionMs" | "keepForMs">;
  /** Null has no end; undefined is not said. */
  readonly retentionMs: number | null | undefined;
  readonly keepForMs: number | null | undefined;
  /** Whether the line says what the encoded input is, or that there is none. */
  readonly encoded: boolean;
  readonly causes: readonly (typeof causes.$inferInsert)[];
  readonly deaths: readonly { readonly row: DeathInsert; readonly attempts: readonly Omit<AttemptRow, "letterId">[] }[];
  /** What its story is to keep of where it came from. */
  readonly from: {
    readonly id: string | null;
    readonly namespace: string | null;
    readonly status: string | null;
    readonly closed: boolean;
    readonly events: readonly unknown[];
  };
};

type ImportedColumn =
  | "id"
  | "namespace"
  | "status"
  | "expiresAt"
  | "retryAt"
  | "closedAt"
  | "closeReason"
  | "keepUntil"
  | "revision";

/**
 * Reads a line of a full export, or one that has less: what `dlo list -o jsonl` prints, or at the least `job`, `workflowId`,
 * `errorType`, `errorMessage` and `failedAt`.
 *
 * @throws {OfficeError} `INPUT_INVALID` with what is wrong, and where
 */
export function readLetterLine(text: string): ToldLetter {
  const fields = asObject(parse(text), "The line");
  if (fields["version"] !== undefined && fields["version"] !== fullLineVersion)
    throw misfit(
      "version",
      `is ${JSON.stringify(fields["version"])}, and this release reads version ${fullLineVersion}`,
    );
  const told = readRow(getTableColumns(deadLetters), fields, letterWords) as Partial<DeadLetterRow>;
  const { id, namespace, status, closedAt, job, workflowId, errorType, errorMessage, failedAt } = told;
  const missing = ["job", "workflowId", "errorType", "errorMessage", "failedAt"].find(
    (key) => fields[key] === undefined,
  );
  if (
    missing !== undefined ||
    !job ||
    !workflowId ||
    errorType === undefined ||
    errorMessage === undefined ||
    !failedAt
  )
    throw misfit(missing ?? "job and workflowId", "is missing: without it there is no letter");
  const story = fields["story"] === undefined ? undefined : asObject(fields["story"], "story");
  const failure = failureOf(told.failure, errorType, errorMessage, told.stackTrace ?? null, "failure");
  const reason = told.reason ?? "failed";
  const category = told.category ?? classify(failure);
  const runId = told.runId ?? id ?? randomUUID();
  const letterDeaths = story === undefined ? undefined : deathsOf(story);
  const last = letterDeaths?.at(-1);
  const listed = fields["causes"] === undefined ? [] : causesOf(fields["causes"]);
  const known = new Set(listed.map((cause) => cause.id));
  const causeId = last !== undefined && known.has(last.row.causeId) ? last.row.causeId : builtInCause(failure).id;
  const row: ToldLetter["row"] = {
    workflowId,
    runId,
    workflowType: told.workflowType ?? job,
    taskQueue: told.taskQueue ?? defaultJobTaskQueue,
    kind: told.kind ?? "job",
    job,
    queue: told.queue ?? defaultQueue,
    reason,
    category,
    errorType,
    errorMessage,
    causeId,
    stackTrace: told.stackTrace ?? failure.stack ?? null,
    failure,
    payload: told.payload ?? null,
    payloadData: told.payloadData ?? null,
    originalPayloadData: told.originalPayloadData ?? null,
    payloadOmitted: told.payloadOmitted === true && !told.payload && !told.payloadData,
    memoData: told.memoData ?? null,
    headers: headersOf(told.headers),
    key: told.key ?? null,
    idempotencyKey: told.idempotencyKey ?? workflowId,
    attempts: told.attempts ?? 0,
    deaths: letterDeaths?.length || (told.deaths ?? 1),
    retries: told.retries ?? 0,
    expiryRetries: told.expiryRetries ?? 0,
    firstFailedAt: told.firstFailedAt ?? failedAt,
    failedAt,
    retriedAt: told.retriedAt ?? null,
    retryRunId: told.retryRunId ?? null,
    buildId: told.buildId ?? null,
    workerIdentity: told.workerIdentity ?? null,
    startedBy: told.startedBy ?? null,
    source: told.source ?? null,
    batch: told.batch ?? null,
    traceId: told.traceId ?? null,
    tags: told.tags ?? [],
    onExpire: told.onExpire ?? "expire",
    maximumRetries: told.maximumRetries ?? 3,
    // Those are rules of the other office's queues.
    ...{
      handOnTo: null,
      warnBeforeMs: null,
      autoRetry: null,
      ownPolicy: {},
      ownCode: [],
      failedCode: null,
      retryWhen: null,
    },
    supersededBy: told.supersededBy ?? "id",
    cleaned: told.cleaned ?? false,
  };
  checkIds(row);
  for (const count of ["attempts", "retries", "expiryRetries", "maximumRetries"] as const)
    if (row[count] < 0) throw misfit(count, "must not be below 0");
  if (row.deaths < 1) throw misfit("deaths", "must be 1 or more");
  const lastDeath = {
    row: {
      ...pick(row, ["workflowId", "runId", "reason", "category", "causeId", "errorType", "errorMessage", "stackTrace"]),
      ...pick(row, ["failure", "attempts", "buildId", "workerIdentity", "payloadData"]),
      n: row.deaths,
      diedAt: failedAt,
    },
    attempts: [],
  };
  const all = letterDeaths === undefined || letterDeaths.length === 0 ? [lastDeath] : letterDeaths;
  const made = new Map(
    all.filter(({ row: death }) => !known.has(death.causeId)).map((death) => [death, builtInCause(death.row.failure)]),
  );
  return {
    id,
    row,
    retentionMs: told.retentionMs,
    keepForMs: told.keepForMs,
    encoded: fields["payloadData"] !== undefined || told.payloadOmitted === true,
    causes: distinct([
      ...listed,
      ...[...made].map(([{ row: death }, cause]) => ({
        ...cause,
        errorType: death.errorType,
        firstSeenAt: death.diedAt,
      })),
    ]),
    deaths: all.map((death) => ({
      row: { ...death.row, workflowId, causeId: made.get(death)?.id ?? death.row.causeId },
      attempts: death.attempts,
    })),
    from: {
      id: id ?? null,
      namespace: namespace ?? null,
      status: status ?? null,
      closed: (closedAt ?? null) !== null || (status !== undefined && status !== "parked" && status !== "retrying"),
      events: story?.["events"] === undefined ? [] : asList(story["events"], "story.events"),
    },
  };
}

const letterWords = {
  kind: kinds,
  status: statuses,
  reason: reasons,
  category: categories,
  // A queue to hand it on to is the other office's own.
  onExpire: ["expire", "retry"],
  supersededBy: supersededByWords,
};

/** Its row would be written, and then Temporal would take neither its workflow nor a retry. */
function checkIds({ workflowId, workflowType, taskQueue }: ToldLetter["row"]): void {
  const spare = Buffer.byteLength(letterWorkflowId(""));
  for (const [key, text, most] of [
    ["workflowId", workflowId, longestIdBytes - spare],
    ["workflowType", workflowType, longestIdBytes],
    ["taskQueue", taskQueue, longestIdBytes],
  ] as const) {
    const bytes = Buffer.byteLength(text);
    if (bytes > most) throw misfit(key, `has ${bytes} bytes, and at most ${most} are possible`);
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw misfit("The line", `is no JSON: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function deathsOf(story: Fields) {
  const { letterId: _1, id: _2, namespace: _3, ...columns } = getTableColumns(deaths);
  const { letterId: _4, deathN: _5, ...attemptColumns } = getTableColumns(attempts);
  return asList(story["deaths"] ?? [], "story.deaths").map((item, i) => {
    const where = `story.deaths[${i}]`;
    const fields = asObject(item, where);
    const row = readRow(
      columns,
      fields,
      { reason: reasons, category: categories },
      `${where}.`,
    ) as unknown as DeathInsert;
    requireFields(columns, row, `${where}.`);
    if (row.n !== i + 1) throw misfit(`${where}.n`, `must be ${i + 1}: deaths are told in order, all of them`);
    const failure = failureOf(row.failure, row.errorType, row.errorMessage, row.stackTrace ?? null, `${where}.failure`);
    const numbers = new Set<number>();
    const rows = asList(fields["attemptRows"] ?? [], `${where}.attemptRows`).map((attempt, k) => {
      const at = `${where}.attemptRows[${k}].`;
      const read = readRow(
        attemptColumns,
        asObject(attempt, at.slice(0, -1)),
        { state: attemptStates, category: categories },
        at,
      ) as unknown as Omit<AttemptRow, "letterId" | "deathN">;
      requireFields(attemptColumns, read, at);
      if (numbers.has(read.n)) throw misfit(`${at}n`, `is ${read.n}, and so is that of an earlier attempt`);
      numbers.add(read.n);
      return { ...read, deathN: row.n };
    });
    return { row: { ...row, failure }, attempts: rows };
  });
}

function causesOf(value: unknown): CauseRow[] {
  const { id, fingerprint, version, title, errorType, firstSeenAt } = getTableColumns(causes);
  const columns = { id, fingerprint, version, title, errorType, firstSeenAt };
  return asList(value, "causes").map((item, i) => {
    const where = `causes[${i}]`;
    // What people decided about a cause is the office's own: state, owner and note stay where they were.
    const cause = readRow(columns, asObject(item, where), {}, `${where}.`) as unknown as CauseRow;
    requireFields(columns, cause, `${where}.`);
    return cause;
  });
}

function requireFields(
  columns: Readonly<Record<string, { notNull: boolean; hasDefault: boolean }>>,
  row: object,
  where: string,
): void {
  for (const [key, { notNull, hasDefault }] of Object.entries(columns))
    if (notNull && !hasDefault && (row as Fields)[key] === undefined) throw misfit(where + key, "is missing");
}

function failureOf(told: unknown, type: string, message: string, stack: string | null, where: string): ErrorRecord {
  if (told === undefined || told === null) return { type, message, ...(stack === null ? {} : { stack }), causes: [] };
  const failure = asObject(told, where);
  if (typeof failure["type"] !== "string" || typeof failure["message"] !== "string")
    throw misfit(where, "must have a type and a message, which are texts");
  const below = asList(failure["causes"] ?? [], `${where}.causes`);
  for (const [i, cause] of below.entries()) {
    const { type: causeType, message: causeMessage } = asObject(cause, `${where}.causes[${i}]`);
    if (typeof causeType !== "string" || typeof causeMessage !== "string")
      throw misfit(`${where}.causes[${i}]`, "must have a type and a message, which are texts");
  }
  return { ...failure, causes: below } as unknown as ErrorRecord;
}

function headersOf(told: unknown): Readonly<Record<string, string>> {
  const headers = asObject(told ?? {}, "headers");
  const other = Object.keys(headers).find((name) => typeof headers[name] !== "string");
  if (other !== undefined) throw misfit(`headers.${other}`, "must be a text");
  return headers as Readonly<Record<string, string>>;
}

/** In the order of their ids, so that two imports never wait for each other. */
function distinct<Cause extends { readonly id: string }>(found: readonly Cause[]): Cause[] {
  return [...new Map(found.map((cause) => [cause.id, cause])).values()].toSorted((a, b) => (a.id < b.id ? -1 : 1));
}

function pick<Row, Key extends keyof Row>(row: Row, keys: readonly Key[]): Pick<Row, Key> {
  return Object.fromEntries(keys.map((key) => [key, row[key]])) as Pick<Row, Key>;
}
