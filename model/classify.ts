import type { Category } from "./category.ts";
import type { ErrorCause, ErrorRecord } from "./error-record.ts";

/** A user's own rules, asked first. Undefined leaves the error to `classify`. */
export type Classifier = (error: ErrorRecord) => Category | undefined;

/**
 * The category of an error, told from the whole chain: the error, its members, its causes, outermost first.
 *
 * What is said by a code counts before what is said by a class, and words in a message come last: a `TypeError: fetch failed`
 * is what its cause's code says.
 */
export function classify(error: ErrorRecord): Category {
  const chain = chainOf(error);
  return (
    first(chain, byIdentity) ??
    first(chain, byProgrammingError) ??
    first(chain, byStatusInMessage) ??
    first(chain, byWords) ??
    "unknown"
  );
}

/** The HTTP status that an error carries, of whichever client; undefined where it has none. */
export function httpStatus({ properties }: ErrorCause): number | undefined {
  if (properties === undefined) return undefined;
  const response = properties["response"];
  const metadata = properties["$metadata"];
  const found = [
    properties["status"],
    properties["statusCode"],
    field(response, "status"),
    field(response, "statusCode"),
    field(metadata, "httpStatusCode"),
  ];
  return found.map(Number).find((status) => Number.isInteger(status) && status >= 400 && status <= 599);
}

function chainOf({ causes, ...error }: ErrorRecord): ErrorCause[] {
  return [error, ...causes].flatMap((link) => [
    link,
    ...(link.errors ?? []).flatMap((member) => [member, ...member.causes]),
  ]);
}

function first(chain: readonly ErrorCause[], rule: (error: ErrorCause) => Category | undefined): Category | undefined {
  for (const error of chain) {
    const category = rule(error);
    if (category !== undefined) return category;
  }
  return undefined;
}

function byIdentity(error: ErrorCause): Category | undefined {
  const { type, code = "", properties = {} } = error;
  if (type === "TimeoutFailure") return properties["timeoutType"] === "HEARTBEAT" ? "lost" : "timeout";
  // Axios says ECONNABORTED for its own timeout.
  if (code === "ECONNABORTED" && /^timeout of \d/.test(error.message)) return "timeout";
  const status = httpStatus(error);
  return (
    byType(type) ??
    table.get(code) ??
    (isPostgres(error) ? bySqlState(code) : undefined) ??
    ("details" in properties && "metadata" in properties ? grpcCodes.get(code) : undefined) ??
    byPattern(code, patterns) ??
    (status === undefined ? undefined : byStatus(status))
  );
}

/** Words for what an error's type or its code says by itself. */
const named: Readonly<Partial<Record<Category, string>>> = {
  timeout:
    "TimeoutError AbortError ETIMEDOUT ESOCKETTIMEDOUT ABORT_ERR ERR_CANCELED UND_ERR_CONNECT_TIMEOUT UND_ERR_HEADERS_TIMEOUT " +
    "UND_ERR_BODY_TIMEOUT UND_ERR_ABORTED CONNECT_TIMEOUT StartToCloseTimeout ScheduleToStartTimeout ScheduleToCloseTimeout " +
    "DEADLINE_EXCEEDED RequestTimeout RequestTimeoutException ConnectTimeoutError HeadersTimeoutError BodyTimeoutError P1002 P1008",
  network:
    "ECONNREFUSED ECONNRESET ECONNABORTED EPIPE ENOTFOUND EAI_AGAIN EAI_FAIL EAI_NODATA EAI_NONAME EHOSTUNREACH EHOSTDOWN " +
    "ENETUNREACH ENETDOWN ENETRESET ENOTCONN EPROTO UND_ERR_SOCKET UND_ERR_CLOSED UND_ERR_DESTROYED ERR_NETWORK ERR_SOCKET_CLOSED " +
    "ERR_STREAM_PREMATURE_CLOSE ERR_HTTP2_STREAM_ERROR ERR_HTTP2_SESSION_ERROR ERR_HTTP2_GOAWAY_SESSION HPE_INVALID_CONSTANT " +
    "CONNECTION_CLOSED CONNECTION_ENDED CONNECTION_DESTROYED PROTOCOL_CONNECTION_LOST NetworkingError MongoNetworkError P1001 P1017",
  dependency:
    "UNAVAILABLE INTERNAL ABORTED ServiceUnavailable ServiceUnavailableException InternalServerError InternalServerException " +
    "InternalFailure InternalError ER_LOCK_DEADLOCK ER_LOCK_WAIT_TIMEOUT SQLITE_BUSY SQLITE_LOCKED P2034",
  rate_limit:
    "RateLimitError TooManyRequests TooManyRequestsException ProvisionedThroughputExceededException RequestLimitExceeded SlowDown " +
    "LimitExceededException BandwidthLimitExceeded PriorRequestNotComplete RESOURCE_EXHAUSTED rate_limit_exceeded",
  resource:
    "ENOSPC EMFILE ENFILE ENOMEM EDQUOT ENOBUFS ERR_OUT_OF_MEMORY ERR_MEMORY_ALLOCATION_FAILED ERR_WORKER_OUT_OF_MEMORY " +
    "ERR_STRING_TOO_LONG ERR_BUFFER_TOO_LARGE ER_CON_COUNT_ERROR SQLITE_FULL P2024",
  data:
    "ZodError $ZodError ValidationError ValiError ArkErrors InvalidInput ValidationException NoSuchKey NoSuchBucket " +
    "ResourceNotFoundException ConditionalCheckFailedException CastError ENOENT EISDIR ENOTDIR EEXIST ENAMETOOLONG ERR_INVALID_URL " +
    "INVALID_ARGUMENT NOT_FOUND ALREADY_EXISTS FAILED_PRECONDITION OUT_OF_RANGE ER_DUP_ENTRY ER_DATA_TOO_LONG ER_BAD_NULL_ERROR",
  auth:
    "EACCES EPERM PERMISSION_DENIED UNAUTHENTICATED UnauthorizedOperation UnauthorizedError ForbiddenError AuthenticationError " +
    "AuthorizationError InvalidClientTokenId UnrecognizedClientException SignatureDoesNotMatch CredentialsProviderError " +
    "TokenExpiredError JsonWebTokenError ER_ACCESS_DENIED_ERROR CERT_HAS_EXPIRED DEPTH_ZERO_SELF_SIGNED_CERT " +
    "SELF_SIGNED_CERT_IN_CHAIN UNABLE_TO_VERIFY_LEAF_SIGNATURE ERR_TLS_CERT_ALTNAME_INVALID P1000",
  code:
    "AssertionError ERR_ASSERTION EvalError MODULE_NOT_FOUND UNIMPLEMENTED NotImplementedError ER_PARSE_ERROR ER_BAD_FIELD_ERROR " +
    "ER_NO_SUCH_TABLE",
  lost: "AttemptLost HeartbeatTimeout TerminatedFailure",
};

const table = new Map<string, Category>(
  Object.entries(named).flatMap(([category, words]) =>
    words.split(" ").map((word) => [word, category as Category] as const),
  ),
);

const patterns: readonly (readonly [RegExp, Category])[] = [
  [/^Throttl/, "rate_limit"],
  [/^AccessDenied|^ExpiredToken/, "auth"],
  [
    /^ERR_(?:MODULE_NOT_FOUND|UNSUPPORTED_|INVALID_ARG_|INVALID_RETURN_|METHOD_NOT_IMPLEMENTED|OUT_OF_RANGE|MISSING_ARGS)/,
    "code",
  ],
  [/^ERR_(?:SSL|TLS)_|^CERT_/, "auth"],
  [/^SQLITE_CONSTRAINT/, "data"],
  [/^P20\d\d$/, "data"],
];

/** gRPC's numbers, which mean something else where they come without its `details` and `metadata`. */
const grpcCodes = new Map<string, Category>([
  ...(["3", "5", "6", "9", "11"].map((code) => [code, "data"]) as [string, Category][]),
  ...(["2", "10", "13", "14", "15"].map((code) => [code, "dependency"]) as [string, Category][]),
  ["1", "timeout"],
  ["4", "timeout"],
  ["7", "auth"],
  ["16", "auth"],
  ["8", "rate_limit"],
  ["12", "code"],
]);

function byType(type: string): Category | undefined {
  return table.get(type) ?? byPattern(type, patterns);
}

function byPattern(text: string, rules: readonly (readonly [RegExp, Category])[]): Category | undefined {
  return rules.find(([pattern]) => pattern.test(text))?.[1];
}

function isPostgres({ type, code = "", properties = {} }: ErrorCause): boolean {
  // Five capitals are also how EPIPE looks, so the code alone does not say it.
  return (
    /^[0-9A-Z]{5}$/.test(code) &&
    (/^(?:Postgres|Database)Error$/.test(type) || "severity" in properties || /^\d/.test(code))
  );
}

/** Postgres, by https://www.postgresql.org/docs/current/errcodes-appendix.html */
function bySqlState(code: string): Category | undefined {
  if (code === "57014") return "timeout";
  if (code === "42501") return "auth";
  switch (code.slice(0, 2)) {
    case "08":
      return "network";
    case "53":
      return "resource";
    // 25006 is a write on a standby, as after a failover; 55P03 a lock that was not to be had; 57P01 a shutdown.
    case "25":
    case "40":
    case "55":
    case "57":
    case "58":
    case "XX":
      return "dependency";
    case "22":
    case "23":
    case "44":
    case "54":
    case "P0":
      return "data";
    case "28":
      return "auth";
    case "0A":
    case "21":
    case "26":
    case "34":
    case "3D":
    case "3F":
    case "42":
      return "code";
    default:
      return undefined;
  }
}

function byStatus(status: number): Category {
  switch (status) {
    case 401:
    case 403:
    case 407:
      return "auth";
    case 408:
    case 504:
    case 524:
      return "timeout";
    case 429:
      return "rate_limit";
    case 423:
    case 425:
      return "dependency";
    default:
      return status >= 500 ? "dependency" : "data";
  }
}

function byProgrammingError({ type, message, stack = "" }: ErrorCause): Category | undefined {
  switch (type) {
    case "SyntaxError":
      return /\bJSON\b/.test(message) || stack.includes("JSON.parse") || stack.includes("parseJSONFromBytes")
        ? "data"
        : "code";
    case "TypeError":
      // What fetch throws whatever happened.
      return /^(?:fetch failed|Failed to fetch|terminated)$/.test(message) ? "network" : "code";
    case "RangeError":
      return /allocation failed|invalid string length/i.test(message) ? "resource" : "code";
    case "ReferenceError":
      return "code";
    default:
      return undefined;
  }
}

function byStatusInMessage({ message }: ErrorCause): Category | undefined {
  const status = /\b(?:status(?: code)?|HTTP(?:\/[\d.]{1,3})?)[ :=]{1,2}([45]\d\d)\b/i.exec(message)?.[1];
  return status === undefined ? undefined : byStatus(Number(status));
}

/** In the order in which they are asked: the telling ones first. */
const words: readonly (readonly [RegExp, Category])[] = [
  [/rate.?limit|too many requests|throttl|quota exceeded/i, "rate_limit"],
  [/timed?[ -]?out|deadline exceeded|took too long/i, "timeout"],
  [
    /out of memory|no space left|disk (?:is )?full|too many open files|too many (?:connections|clients)|heap limit/i,
    "resource",
  ],
  [/unauthori[sz]ed|unauthenticated|forbidden|(?:permission|access) denied|not (?:authori[sz]ed|permitted)/i, "auth"],
  [
    /(?:invalid|expired|missing|bad|wrong) (?:credentials?|password|api.?key|(?:\w{1,20} )?token)|authentication (?:failed|required)/i,
    "auth",
  ],
  [
    /connection (?:was )?(?:refused|reset|closed|lost|terminated|ended)|socket hang up|other side closed|broken pipe/i,
    "network",
  ],
  [/\bE(?:CONNREFUSED|CONNRESET|NOTFOUND|PIPE|HOSTUNREACH)\b|network|unreachable|getaddrinfo|\bdns\b/i, "network"],
  [
    /(?:service|temporarily) (?:is )?unavailable|bad gateway|internal server error|try again|overloaded|deadlock/i,
    "dependency",
  ],
  [/is not a function|is not defined|not implemented|cannot read propert|undefined is not/i, "code"],
  [
    /\binvalid\b|validation|malformed|corrupt|not valid|unexpected (?:token|end|character)|could not (?:parse|be parsed)/i,
    "data",
  ],
  [/not found|does not exist|no such|already exists|duplicate|\bmissing\b|\brequired\b|must (?:be|have|not)/i, "data"],
];

const lookedAtChars = 2000;

function byWords({ type, message }: ErrorCause): Category | undefined {
  // "PaymentTimeoutError" says it in one word.
  return byPattern(`${type} ${message}`.slice(0, lookedAtChars), words);
}

function field(value: unknown, key: string): unknown {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>)[key] : undefined;
}
