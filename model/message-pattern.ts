import { uncutText } from "./clean.ts";

/**
 * A message without what varies from one occurrence to the next: `connect ECONNREFUSED <host>`, `order <n> of <email> not found`.
 *
 * Names in code and schema stay, though they are quoted (`column "title"`, `(reading 'id')`), and so do status and exit
 * codes: they tell two bugs apart. Time linear in the message's length; at most 400 characters.
 */
export function messagePattern(message: string): string {
  return patternOf(message).slice(0, mostChars);
}

/** The pattern for comparing: the kinds of placeholders are one, because a random id may look like a number, and lists are one item. */
export function messageSkeleton(message: string): string {
  return patternOf(message)
    .replace(/<[a-z]{1,8}>/g, "*")
    .replace(/\*(?:[\s,;:/._+=&|-]{0,3}\*)+/g, "*")
    .slice(0, mostChars);
}

const mostChars = 400;
const lookedAtChars = 8192;
/** A word longer than this is a blob, or a language without spaces; its beginning tells enough. */
const longestWord = 256;

function patternOf(message: string): string {
  const marked = uncutText(message);
  const cut = marked.cut || marked.text.length > lookedAtChars;
  const text = withPlainNames(withoutParameters(marked.text.slice(0, lookedAtChars)));
  const unquoted = replaceQuoted(text.replace(url, "<url>"), cut);
  // V8 quotes an excerpt of a text that is no JSON, with dots where it goes on.
  const excerpts = unquoted.replace(/(?:\.{3})?<quoted>(?:\.{3})?/g, "<quoted>");
  return replaceWords(replaceTimes(cut ? withoutLastWord(excerpts) : excerpts))
    .replace(
      /<n> (?:[munµ]?s|secs?|seconds?|m|mins?|minutes?|h|hrs?|hours?|d|days?|[kmgt]i?b|b|bytes?|chars?|%)(?![\w-])/gi,
      "<n>",
    )
    .replace(/(<[a-z]{1,8}>)(?:(?:[,;] ?| and | or | )\1)+/g, "$1")
    .trim();
}

const url = /\b[a-z][a-z\d+.-]{1,20}:\/\/(?:[^\s"'<>`]|'(?=\w))+/gi;

/** What was cut ends at a different place each time. */
function withoutLastWord(text: string): string {
  if (/<(?:quoted|list)>$/.test(text)) return text;
  return text.slice(0, Math.max(text.lastIndexOf(" "), text.lastIndexOf("\n")) + 1) || text;
}

/** Drizzle's message has the query, with a list of places for each row, and ends with the query's parameters. */
function withoutParameters(text: string): string {
  const at = text.indexOf("\nparams: ");
  const query = at < 0 ? text : `${text.slice(0, at)}\nparams: <quoted>`;
  const rowsAt = query.startsWith("Failed query: ") ? query.indexOf(" values (") : -1;
  return rowsAt < 0 ? query : `${query.slice(0, rowsAt)} values <list>`;
}

/** In a message that is JSON, as zod's, or a query, as drizzle's, double quotes say nothing: what they hold are names of fields, tables and columns. */
function withPlainNames(text: string): string {
  return /^(?:\s{0,20}[[{]|Failed query: )/.test(text) ? text.replaceAll('"', " ") : text;
}

const closing: Readonly<Record<string, string>> = {
  '"': '"',
  "'": "'",
  "`": "`",
  "“": "”",
  "‘": "’",
  "„": "“",
  "«": "»",
};
const nameBefore =
  /(?:^|\W)(?:reading|setting|property|access|column|relation|constraint|table|index|schema|function|operator|type|module|package|export|field|argument|parameter|option|header):? $/i;
const nameAfter = /^ (?:argument|property|option|parameter|field|column|header)\b/;
const quotedName = /^[A-Za-z_$][\w$.-]{0,62}$/;

function replaceQuoted(text: string, cut: boolean): string {
  let replaced = "";
  let copiedTo = 0;
  // A mark without its closing mark has none further on either: looking once keeps the time linear.
  const unclosed = new Set<string>();
  for (let at = 0; at < text.length; at++) {
    const mark = text.charAt(at);
    const end = closing[mark];
    if (end === undefined || unclosed.has(mark) || isWordChar(text, at - 1)) continue;
    const endAt = closingAt(text, at, end);
    if (endAt < 0) {
      unclosed.add(mark);
      if (!cut) continue;
      return `${replaced}${text.slice(copiedTo, at)}<quoted>`;
    }
    replaced += text.slice(copiedTo, at);
    const quoted = text.slice(at + 1, endAt);
    const isName =
      quotedName.test(quoted) &&
      (nameBefore.test(replaced.slice(-20)) || nameAfter.test(text.slice(endAt + 1, endAt + 20)));
    replaced += isName ? `${mark}${quoted.replace(/\d+/g, "<n>")}${end}` : "<quoted>";
    copiedTo = endAt + 1;
    at = endAt;
  }
  return replaced + text.slice(copiedTo);
}

function closingAt(text: string, openAt: number, end: string): number {
  let at = text.indexOf(end, openAt + 1);
  // An apostrophe within a word closes nothing.
  while (at >= 0 && (isWordChar(text, at + 1) || text.charAt(at - 1) === "\\")) at = text.indexOf(end, at + 1);
  return at;
}

function isWordChar(text: string, at: number): boolean {
  return /^[\p{L}\p{N}_]$/u.test(text.charAt(at));
}

const month = "(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]{0,6}";
const times = [
  /(?<![\w-])\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:[.,]\d{1,9})?)?(?: ?(?:Z|UTC|GMT|[+-]\d{2}:?\d{2}))?)?(?![\w-])/g,
  new RegExp(
    "\\b(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]{0,6},? )?" +
      `(?:\\d{1,2}(?:st|nd|rd|th)?[ -]${month}[ -]\\d{2,4}|${month} \\d{1,2},? \\d{4})` +
      "(?:,? (?:at )?\\d{1,2}:\\d{2}(?::\\d{2})?(?: ?[AP]M)?)?(?: (?:UTC|GMT|Z)(?:[+-]\\d{4})?)?(?: \\([A-Za-z ]{3,50}\\))?",
    "g",
  ),
  /(?<![\w/-])\d{1,4}\/\d{1,2}\/\d{2,4}(?![\w/-])/g,
  /(?<![\w.:])\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d{1,9})?)?(?: ?[AP]M)?(?![\w.:])/g,
];

function replaceTimes(text: string): string {
  return times.reduce((rest, time) => rest.replace(time, "<time>"), text);
}

function replaceWords(text: string): string {
  let before = "";
  const replaced: string[] = [];
  const words = text.split(/\s+/);
  for (const [index, word] of words.entries()) {
    replaced.push(replaceWord(word.slice(0, longestWord), before, words[index + 1] ?? ""));
    before = word.slice(0, longestWord).replace(/[^\w/]/g, "");
  }
  return replaced.join(" ");
}

const placeholders = /(<[a-z]{1,8}>)/;
const separators = /([,=&|;()[\]{}"'`<>]+)/;
const topLevelDomain =
  "com|net|org|io|dev|app|cloud|local|internal|localhost|lan|corp|svc|invalid|example|test|edu|gov|info|biz|co|ai|uk|de|fr|eu|nl|ch|at|us|jp|cn|au|ca|br|ru|se|pl|es";
const hostName = new RegExp(`^(?:[\\w-]{1,63}\\.){1,8}(?:${topLevelDomain})(?::\\d{1,5})?(?:/.*)?$`, "i");
const fileName =
  /^[\w.-]{1,128}\.(?:csv|tsv|txt|pdf|png|jpe?g|gif|webp|svg|mp[34]|mov|docx?|xlsx?|pptx?|zip|gz|tgz|tar|parquet|avro|xml|ya?ml|tmp|bak|sql|ndjson|jsonl?|html?|log|[cm]?[jt]sx?)(?::\d{1,7}){0,2}$/i;

function replaceWord(word: string, before: string, after: string): string {
  const bare = word.replace(/^[([{<]{1,3}/, "").replace(/[.,;:!?)\]}>]{1,3}$/, "");
  const bracketed = /^\[?[\da-f:.]{2,45}\]?(?::\d{1,5})?$/i.test(bare) && bare.includes(":");
  const start = word.indexOf(bare);
  const around = (placeholder: string) => word.slice(0, start) + placeholder + word.slice(start + bare.length);
  // Node's and postgres.js's messages put the host right after the code.
  if (/^(?:ENOTFOUND|EAI_AGAIN|ECONNREFUSED)$/.test(before) && bare !== "") return around("<host>");
  if (
    /^(?:to|from|at|host|server|upstream|broker|peer|endpoint|E[A-Z]{5,14}|CONNECT[A-Z_]{5,20})$/.test(before) &&
    /^[\w.-]{1,255}:\d{1,5}$/.test(bare)
  )
    return around("<host>");
  if (bracketed && (bare.includes("::") || bare.split(":").length >= 8))
    return around("<host>").replace("[<host>", "<host>");
  if (fileName.test(bare) && after !== "is") return around("<path>");

  let context = before;
  return word
    .split(placeholders)
    .map((part, index) => {
      // Split by a group, what is at odd places is the group itself.
      if (index % 2 === 1) return part;
      return part
        .split(separators)
        .map((piece, at) => {
          if (at % 2 === 1) return piece;
          const replaced = replacePiece(piece, context);
          context = piece === "" ? context : piece.replace(/[^\w/]/g, "");
          return replaced;
        })
        .join("");
    })
    .join("");
}

const uuid = /[\da-f]{8}-[\da-f]{4}-[\da-f]{4}-[\da-f]{4}-[\da-f]{12}/gi;
const number =
  /^[-+~]?[$€£]?\d[\d,._]*(?:e[+-]?\d{1,3})?(?:%|[munµ]?s|secs?|seconds?|m|mins?|minutes?|h|hrs?|hours?|d|days?|[kmgt]i?b|[kb]|bytes?|px|x|st|nd|rd|th)?$/i;

function replacePiece(piece: string, before: string): string {
  const bare = piece.replace(/[.:!?]{1,3}$/, "");
  const tail = piece.slice(bare.length);
  if (bare === "") return piece;
  if (/^[\w.+%-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,5}$/.test(bare)) return `<email>${tail}`;
  if (/^\d{1,3}(?:\.\d{1,3}){3}(?::\d{1,5})?(?:\/\d{1,2})?$/.test(bare)) return `<host>${tail}`;
  if (/^localhost(?::\d{1,5})?$/i.test(bare) || hostName.test(bare)) return `<host>${tail}`;
  if (isPath(bare)) return `<path>${tail}`;
  if (isStatus(bare, before)) return piece;
  const [, label, digits] = /^([A-Za-z]{1,20}):(-?\d{1,5})$/.exec(bare) ?? [];
  if (label !== undefined && digits !== undefined && isStatus(digits, label)) return piece;
  if (number.test(bare) || /^0x[\da-f]+$/i.test(bare)) return `<n>${tail}`;
  return (
    bare
      .replace(uuid, "<uuid>")
      .split(placeholders)
      .map((part, index) => (index % 2 === 1 ? part : part.replace(/[A-Za-z\d]+(?:[_-]+[A-Za-z\d]+)*/g, replaceToken)))
      .join("") + tail
  );
}

function isPath(text: string): boolean {
  if (/^(?:[A-Za-z]:[\\/]|\\\\|~?\/|\.{1,2}[\\/]|file:)./.test(text)) return true;
  const slashes = text.split(/[\\/]/).length - 1;
  if (slashes === 0 || text.startsWith("@")) return false;
  return (slashes >= 2 && !/^\d+(?:\/\d+)+$/.test(text)) || /\.[A-Za-z][A-Za-z\d]{0,5}(?::\d{1,7}){0,2}$/.test(text);
}

/** "status code 503" and "exit code 137" are other bugs than 404 and 1; so is "answered 503", but not "answered 17". */
function isStatus(text: string, before: string): boolean {
  if (/^(?:answered|responded|returned|response|failed)$/i.test(before))
    return /^(?:40[013-9]|41[0-8]|42[2-9]|431|451|50[0-4])$/.test(text);
  return (
    /^-?\d{1,5}$/.test(text) && /^(?:status|code|statuscode|errno|http(?:\/\d\S{0,3})?|signal|SQLSTATE)$/i.test(before)
  );
}

/** A word of letters and digits, maybe joined by - or _: a name, a number, an id, or a name with one of these. */
function replaceToken(token: string): string {
  if (!/\d/.test(token)) return token.length >= 16 && looksShuffled(token) ? "<id>" : token;
  if (/^[\da-f]{8,}$/i.test(token)) return /^\d+$/.test(token) ? "<n>" : "<id>";
  const segments = token.split(/([_-]+)/);
  if (token.length >= 16 && segments.some(isRandom)) {
    // "cus_Nf93kdl3XpQ7": the prefix says what it is.
    const prefix = /^(?:[a-z]{2,12}[_-])+/.exec(token)?.[0] ?? "";
    return `${prefix}<id>`;
  }
  return segments.map((segment) => (isRandom(segment) ? "<id>" : segment.replace(/\d+/g, "<n>"))).join("");
}

/** Digits strewn among letters: not `int32Value`, `order4711` or `30days`. */
function isRandom(segment: string): boolean {
  if (!/\d/.test(segment) || number.test(segment)) return false;
  const [head = "", ...rest] = segment.split(/\d+/);
  const chunks = rest.filter((chunk) => chunk !== "");
  if (chunks.length === 0) return false;
  return head === "" || chunks.length > 1 || chunks.some((chunk) => chunk.length < 3) || looksShuffled(segment);
}

/** Random letters change case at every second one, camelCase at every fourth. */
function looksShuffled(token: string): boolean {
  const letters = token.replace(/[\d_-]/g, "");
  let changes = 0;
  for (let at = 1; at < letters.length; at++) {
    const [left, right] = [letters.charAt(at - 1), letters.charAt(at)];
    if (/[a-z]/.test(left) ? /[A-Z]/.test(right) : /[A-Z]/.test(left) && /[a-z]/.test(right)) changes++;
  }
  return changes > letters.length * 0.38;
}
