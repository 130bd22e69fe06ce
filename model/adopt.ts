import { usage } from "./office-error.ts";
import { unknownWord } from "./suggest.ts";

/** Which failed workflows or activities are to become letters, and by whose wish. */
export type AdoptOptions = {
  /** A Visibility query, such as `WorkflowType = 'OrderWorkflow'`. That they failed, timed out or were terminated is asked in any case. */
  readonly query: string;
  /** @default "workflows" */
  readonly what?: AdoptWhat;
  /** A UUID. A repeat with the same one joins the first. @default a new one */
  readonly id?: string;
  /** The watch that asks: it goes on from where its last run stopped. */
  readonly watch?: string;
  /** Looks, and says what it would do. @default false */
  readonly dryRun?: boolean;
  readonly by?: string;
  readonly reason?: string;
};

/** Workflows, or activities that were started by themselves. */
export const adoptWhats = ["workflows", "activities"] as const;

export type AdoptWhat = (typeof adoptWhats)[number];

/** What was asked of an adoption, checked, with defaults filled in. */
export type Adoption = {
  readonly id: string;
  readonly query: string;
  readonly what: AdoptWhat;
  readonly watch: string | null;
  readonly dryRun: boolean;
  readonly by: string;
  readonly reason: string | null;
  /** What closes later is for the next one. */
  readonly asOfMs: number;
};

/** Why a run that the query fits was not adopted. */
export const notAdoptedWhys = [
  "known",
  "retrying",
  "older",
  "running",
  "completed",
  "child",
  "ours",
  "job",
  "policy",
  "refused",
] as const;

export type NotAdopted = (typeof notAdoptedWhys)[number];

export type SkippedCounts = Readonly<Partial<Record<NotAdopted, number>>>;

/** The same, for people. */
export const notAdoptedInWords = {
  known: "with a letter already",
  retrying: "whose letter retries it just now",
  older: "whose id has a newer run, which decides",
  running: "whose id has a newer run that is under way",
  completed: "whose id has a newer run that succeeded",
  child: "begun by another workflow, which still decides",
  ours: "of Dead Letter Office itself",
  job: "of a job, which parks itself",
  policy: "left alone, as the office's configuration says",
  refused: "of which no letter can be made",
} as const satisfies Record<NotAdopted, string>;

export const adoptKeys = [
  "query",
  "what",
  "id",
  "watch",
  "dryRun",
  "by",
  "reason",
] as const satisfies readonly (keyof AdoptOptions)[];

/**
 * Checks what is asked of an adoption at each of its doors: the client, a schedule, a plain start of the workflow. Whether the
 * query can be read only Temporal can say.
 *
 * @throws {OfficeError} `USAGE` with the option, what it is, and what it should be
 */
export function readAdoption(
  given: unknown,
  asked: { readonly id: string; readonly by: string; readonly atMs: number },
): Adoption {
  if (typeof given !== "object" || given === null || Array.isArray(given))
    throw usage(`An adoption takes an object such as {"query":"WorkflowType = 'OrderWorkflow'"}`);
  for (const key of Object.keys(given))
    if (!(adoptKeys as readonly string[]).includes(key)) throw usage(unknownWord("adopt option", key, adoptKeys));
  const options = given as AdoptOptions;
  const { query, what = "workflows", id = asked.id, watch, dryRun = false, by = asked.by, reason } = options;
  if (typeof query !== "string" || query.trim() === "" || query.length > 10_000)
    throw usage(
      `query must be a Visibility query, such as "WorkflowType = 'OrderWorkflow'". All of them: "WorkflowType IS NOT NULL"`,
    );
  if (!adoptWhats.includes(what)) throw usage(unknownWord("kind of what to adopt", String(what), adoptWhats));
  if (typeof id !== "string" || !/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(id))
    throw usage(`id must be a UUID, got ${JSON.stringify(id)}`);
  if (watch !== undefined && !isWatchName(watch))
    throw usage(`watch must be a name of 1 to 100 letters, digits, or . - _, got ${JSON.stringify(watch)}`);
  if (typeof dryRun !== "boolean") throw usage("dryRun must be true or false");
  for (const [key, text, longest] of [["by", by, 1000] as const, ["reason", reason, 10_000] as const])
    if (text !== undefined && (typeof text !== "string" || text.length > longest))
      throw usage(`${key} must be a text of at most ${longest} characters`);
  return {
    ...{ id: id.toLowerCase(), query: query.trim(), what, watch: watch ?? null },
    ...{ dryRun, by, reason: reason ?? null, asOfMs: asked.atMs },
  };
}

/** Names of watches are part of the ids of schedules. */
export function isWatchName(value: unknown): value is string {
  return typeof value === "string" && /^[\w.-]{1,100}$/.test(value);
}

/** What closed within a span of time and fits: its end belongs to the next one. */
export function closedWithin(query: string, fromMs: number, untilMs: number): string {
  return `${failedOnes(query)} AND CloseTime >= '${iso(fromMs)}' AND CloseTime < '${iso(untilMs)}'`;
}

/** All that fits, whenever it closed. */
export function failedOnes(query: string): string {
  return `(${query}) AND ExecutionStatus IN ('Failed', 'TimedOut', 'Terminated')`;
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}
