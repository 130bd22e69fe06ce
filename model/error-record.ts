import { cutText, utf8Bytes } from "./clean.ts";
import { isError, isList, isObject, lengthOf, ownKeys, read } from "./safe-read.ts";
import { bounded, type Bounds, type Marks, snapshot } from "./snapshot.ts";

/**
 * Anything that was thrown, as plain JSON of bounded size, in text that Postgres takes.
 *
 * Temporal refuses failures of a megabyte by ending the activity without retries and without its details, so what leaves a
 * worker is always one of these, never the error itself.
 */
export type ErrorRecord = ErrorCause & {
  /** What lay below, the direct cause first, the innermost last; at most 5. */
  readonly causes: readonly ErrorCause[];
  /** What the job's `record` hook added, at most 16 KiB; only in the record of a death. */
  readonly extra?: Readonly<Record<string, unknown>>;
};

export type ErrorCause = {
  /** The error's name, its class where the name is just `Error`, an `ApplicationFailure`'s own type; `NonError` for what is no error. */
  readonly type: string;
  /** At most 4 KiB. */
  readonly message: string;
  /** At most 8 KiB; a long message at its head is cut before the frames are. */
  readonly stack?: string;
  readonly code?: string;
  /** The error's own other properties (`errno`, `syscall`, `status` …), at most 4 KiB as JSON, without what looks secret. */
  readonly properties?: Readonly<Record<string, unknown>>;
  /** The members of an AggregateError, at most 10. */
  readonly errors?: readonly ErrorRecord[];
  /** How many members there were, where that is more than `errors` holds. */
  readonly errorsTotal?: number;
  /** An `ApplicationFailure` that is not to be retried. */
  readonly nonRetryable?: true;
  /** Something is not all here. Texts carry a mark where they end. */
  readonly cut?: true;
  /** Something in it that Postgres refuses (NUL, half a surrogate pair) was replaced. */
  readonly cleaned?: true;
};

/** Takes anything thrown. Never throws, whatever getters and proxies do; at most 64 KiB as JSON. */
export function recordError(thrown: unknown): ErrorRecord {
  try {
    return fit(readRecord(thrown, mostCauses, mostErrors, new Set()), mostRecordBytes, recordSteps);
  } catch {
    return { type: "NonError", message: "What was thrown could not be read", causes: [] };
  }
}

/** The same error small enough for the attempt ledger: type, message, the first frames, and what lay below in a line each. */
export function compactError(record: ErrorRecord, maxBytes = 2048): ErrorRecord {
  return fit(record, maxBytes, compactSteps);
}

const mostCauses = 5;
const mostErrors = 10;
const mostRecordBytes = 65_536;

type Step = {
  type: number;
  message: number;
  /** Bytes of the stack, or how many of its frames. */
  stack: { bytes: number } | { frames: number };
  properties: boolean;
  causes: number;
  causeMessage: number;
  causeStack: number;
  causeProperties: boolean;
  errors: number;
};

const recordSteps: readonly Step[] = [
  step({
    message: 4096,
    stack: { bytes: 8192 },
    properties: true,
    causes: 5,
    causeMessage: 4096,
    causeStack: 2048,
    causeProperties: true,
    errors: 10,
  }),
  step({
    message: 4096,
    stack: { bytes: 8192 },
    properties: true,
    causes: 5,
    causeMessage: 1024,
    causeStack: 1024,
    causeProperties: false,
    errors: 5,
  }),
  step({
    message: 2048,
    stack: { bytes: 4096 },
    properties: true,
    causes: 5,
    causeMessage: 512,
    causeStack: 0,
    causeProperties: false,
    errors: 3,
  }),
  // JSON writes a control character in six bytes, so this is at most 20 KiB.
  step({
    message: 1024,
    stack: { bytes: 1024 },
    properties: false,
    causes: 3,
    causeMessage: 256,
    causeStack: 0,
    causeProperties: false,
    errors: 0,
  }),
];

const compactSteps: readonly Step[] = [
  step({ message: 1024, stack: { frames: 4 }, causes: 5, causeMessage: 160, errors: 3 }),
  step({ message: 1024, stack: { frames: 2 }, causes: 3, causeMessage: 128 }),
  step({ message: 700, stack: { frames: 0 }, causes: 2, causeMessage: 100 }),
  step({ message: 400, stack: { frames: 0 }, causes: 1, causeMessage: 100 }),
  step({ message: 100, stack: { frames: 0 }, type: 60 }),
];

function step(given: Partial<Step> & Pick<Step, "message" | "stack">): Step {
  return {
    type: 200,
    properties: false,
    causes: 0,
    causeMessage: 0,
    causeStack: 0,
    causeProperties: false,
    errors: 0,
    ...given,
  };
}

/** The record itself where it fits, else the first step of cuts that does, else the last. */
function fit(record: ErrorRecord, maxBytes: number, steps: readonly Step[]): ErrorRecord {
  if (jsonBytes(record) <= maxBytes) return record;
  let cut = record;
  for (const limits of steps) {
    cut = shrink(record, limits);
    if (jsonBytes(cut) <= maxBytes) break;
  }
  return cut;
}

function shrink(record: ErrorRecord, limits: Step): ErrorRecord {
  return {
    ...shrinkOne(record, limits),
    cut: true,
    causes: record.causes.slice(0, limits.causes).map((cause) => shrinkOne(cause, lower(limits))),
  };
}

/** The limits of what lies below: causes and members. */
function lower(limits: Step): Step {
  const { causeMessage: message, causeStack, causeProperties: properties } = limits;
  return { ...limits, message, stack: { bytes: causeStack }, properties, errors: Math.min(limits.errors, 3) };
}

function shrinkOne(error: ErrorCause, limits: Step): ErrorCause {
  const stack = error.stack === undefined ? "" : shrinkStack(error.stack, limits.stack);
  const errors = (error.errors ?? []).slice(0, limits.errors).map((member) => ({
    ...shrinkOne(member, { ...lower(limits), errors: 0 }),
    causes: member.causes
      .slice(-1)
      .map((cause) => shrinkOne(cause, { ...lower(limits), stack: { bytes: 0 }, errors: 0 })),
  }));
  const total = error.errorsTotal ?? error.errors?.length ?? 0;
  return {
    type: cutText(error.type, limits.type),
    message: cutText(error.message, limits.message),
    ...(stack === "" ? {} : { stack }),
    ...(error.code === undefined ? {} : { code: cutText(error.code, 40) }),
    ...(error.properties === undefined || !limits.properties ? {} : { properties: error.properties }),
    ...(errors.length === 0 ? {} : { errors }),
    ...(total > errors.length ? { errorsTotal: total } : {}),
    ...(error.nonRetryable === undefined ? {} : { nonRetryable: true }),
    ...(error.cleaned === undefined ? {} : { cleaned: true }),
  };
}

function shrinkStack(stack: string, limit: Step["stack"]): string {
  if ("bytes" in limit) return limit.bytes === 0 ? "" : cutText(stack, limit.bytes);
  const frames = stack.split("\n").filter((line) => /^ {4}at /.test(line));
  return frames
    .slice(0, limit.frames)
    .map((line) => cutText(line, 160))
    .join("\n");
}

function jsonBytes(value: unknown): number {
  return utf8Bytes(JSON.stringify(value));
}

// From here on: reading what was thrown, which may be anything.

function readRecord(thrown: unknown, maxCauses: number, maxErrors: number, seen: Set<unknown>): ErrorRecord {
  seen.add(thrown);
  const causes: ErrorCause[] = [];
  let cause = read(thrown, "cause");
  while (cause !== undefined && cause !== null && !seen.has(cause) && causes.length < maxCauses) {
    seen.add(cause);
    causes.push(readOne(cause, maxErrors, seen));
    cause = read(cause, "cause");
  }
  const more = cause !== undefined && cause !== null && !seen.has(cause);
  return { ...readOne(thrown, maxErrors, seen), ...(more ? { cut: true } : {}), causes };
}

function readOne(thrown: unknown, maxErrors: number, seen: Set<unknown>): ErrorCause {
  const marks: Marks = { cut: false, cleaned: false };
  if (!isObject(thrown)) return marked({ type: nonError, message: bounded(describe(thrown), 4096, marks) }, marks);

  const members = maxErrors === 0 ? [] : membersOf(thrown);
  const errors = [...Array(Math.min(lengthOf(members), maxErrors)).keys()]
    .map((index) => read(members, String(index)))
    .flatMap((member) => (seen.has(member) ? [] : [readRecord(member, 2, 0, seen)]));
  const rawMessage = messageOf(thrown, errors);
  const stack = stackOf(thrown, rawMessage, marks);
  const code = read(thrown, "code");
  const properties = propertiesOf(thrown, marks);
  const record: ErrorCause = {
    type: bounded(typeOf(thrown), 200, marks),
    message: bounded(rawMessage, 4096, marks),
    ...(stack === undefined ? {} : { stack }),
    ...(typeof code === "string" || typeof code === "number" ? { code: bounded(String(code), 100, marks) } : {}),
    ...(properties === undefined ? {} : { properties }),
    ...(errors.length === 0 ? {} : { errors }),
    ...(lengthOf(members) > errors.length ? { errorsTotal: lengthOf(members) } : {}),
    ...(read(thrown, "name") === applicationFailure && read(thrown, "nonRetryable") === true
      ? { nonRetryable: true }
      : {}),
  };
  return marked(record, marks);
}

const nonError = "NonError";
const applicationFailure = "ApplicationFailure";

function marked(record: ErrorCause, marks: Marks): ErrorCause {
  return { ...record, ...(marks.cut ? { cut: true } : {}), ...(marks.cleaned ? { cleaned: true } : {}) };
}

function typeOf(thrown: object): string {
  const name = read(thrown, "name");
  if (name === applicationFailure) {
    const type = read(thrown, "type");
    return typeof type === "string" && type !== "" ? type : name;
  }
  if (typeof name === "string" && name !== "" && name !== "Error") return name;
  const className = read(read(thrown, "constructor"), "name");
  // Bundlers put an underscore before a class's name; minifiers leave a letter or two, which says nothing.
  const spoken = typeof className === "string" ? /^_*([A-Z]\w{3,99})$/.exec(className)?.[1] : undefined;
  if (spoken !== undefined && !plainClasses.includes(spoken)) return spoken;
  return isError(thrown) ? "Error" : nonError;
}

const plainClasses: readonly string[] = ["Object", "Array", "Function"];

function messageOf(thrown: object, errors: readonly ErrorRecord[]): string {
  const message = read(thrown, "message");
  if (typeof message === "string" && message !== "") return message;
  if (message !== undefined && message !== null && typeof message !== "string") return describe(message);
  // Node's connection errors to a name with several addresses say nothing themselves.
  if (errors.length > 0)
    return errors
      .slice(0, 3)
      .map((member) => member.message)
      .join("; ");
  return isError(thrown) ? "" : describe(thrown);
}

function stackOf(thrown: object, rawMessage: string, marks: Marks): string | undefined {
  const stack = read(thrown, "stack");
  if (typeof stack !== "string" || stack === "") return undefined;
  // The head repeats the message, which may be longer than all that is kept: the frames matter more.
  const messageAt = rawMessage === "" ? -1 : stack.indexOf(rawMessage);
  const framesAt = stack.indexOf("\n    at ", messageAt < 0 ? 0 : messageAt + rawMessage.length);
  if (framesAt < 0) return bounded(stack, 2048, marks);
  const head = bounded(stack.slice(0, framesAt), 1024, marks);
  return bounded(head + stack.slice(framesAt), 8192, marks);
}

function membersOf(thrown: object): unknown[] {
  const errors = read(thrown, "errors");
  // Validation libraries have lists of other things under this name; those stay properties.
  return isList(errors) && isError(read(errors, "0")) ? errors : [];
}

/** Covered by the record itself, or too big, or somebody's secret. */
const skippedKeys: ReadonlySet<string> = new Set([
  ...[
    "name",
    "message",
    "stack",
    "cause",
    "code",
    "nonRetryable",
    "failure",
    "lastHeartbeatDetails",
    "encodedAttributes",
  ],
  ...["config", "request", "req", "socket", "agent", "headers", "$response", "toJSON", "params", "parameters", "args"],
]);

const propertyBounds: readonly Bounds[] = [
  { textBytes: 512, keys: 20, depth: 3 },
  { textBytes: 128, keys: 10, depth: 2 },
  { textBytes: 32, keys: 8, depth: 0 },
];

function propertiesOf(thrown: object, marks: Marks): Record<string, unknown> | undefined {
  if (isList(thrown) || ArrayBuffer.isView(thrown)) return undefined;
  const own: Record<string, unknown> = Object.create(null);
  const isFailure = read(thrown, "name") === applicationFailure;
  for (const key of ownKeys(thrown).slice(0, 100)) {
    if (skippedKeys.has(key) || key.startsWith("_") || key === "__proto__") continue;
    if (key === "type" && isFailure) continue;
    const value = read(thrown, key);
    if (key === "errors" && isError(read(value, "0"))) continue;
    own[key] = key === "response" && isObject(value) ? responseOf(value) : value;
  }
  // zod hides its list from enumeration.
  const issues = read(thrown, "issues");
  if (isList(issues)) own["issues"] = issues;

  let properties: unknown = own;
  for (const bounds of propertyBounds) {
    properties = snapshot(properties, bounds, -1, marks);
    if (jsonBytes(properties) <= 4096) break;
    marks.cut = true;
  }
  return isObject(properties) && ownKeys(properties).length > 0 ? (properties as Record<string, unknown>) : undefined;
}

/** An HTTP client's response, without the sockets and headers behind it. */
function responseOf(response: object): Record<string, unknown> {
  const taken: Record<string, unknown> = {};
  for (const key of ["status", "statusCode", "statusText", "statusMessage", "data", "body"]) {
    const value = read(response, key);
    if (value !== undefined) taken[key] = value;
  }
  return taken;
}

/** A text that says what was thrown, where it was no error. */
function describe(value: unknown): string {
  if (value === undefined || value === null) return `${String(value)} was thrown`;
  if (typeof value === "string") return value === "" ? "an empty string was thrown" : value;
  if (typeof value === "function") return "a function was thrown";
  if (typeof value === "number" || typeof value === "bigint" || typeof value === "boolean" || typeof value === "symbol")
    return String(value);
  const marks = { cut: false, cleaned: false };
  const copy = snapshot(value, { textBytes: 512, keys: 20, depth: 2 }, 0, marks);
  const json = typeof copy === "string" ? copy : JSON.stringify(copy);
  return json === "{}" || json === undefined ? "an object was thrown" : json;
}
