import { createHash } from "node:crypto";
import type { SQL } from "drizzle-orm";
import { sql } from "drizzle-orm";
import { usage } from "../model/office-error.ts";
import { unknownWord } from "../model/suggest.ts";
import type { Db } from "./database.ts";
import { translatingErrors } from "./translate-error.ts";

/*
 * Indexes that cost more than most offices want to pay, so each is switched on by `dlo setup --index`. What they cost, in room
 * and in writes, is in docs/speed.md.
 *
 * Whether one is on is asked of Postgres itself: there is no setting that could say otherwise.
 */

/** - `text`: text in messages and payloads of all letters · `payload`: `=` anywhere in payloads · a path: numbers there, by size */
export type IndexSwitch = {
  /** As it is written after `--index`. */
  readonly name: string;
  readonly indexes: readonly SwitchedIndex[];
};

export type SwitchedIndex = {
  readonly name: string;
  /** What comes after `create index … on dlo.dead_letters`. @param trigrams the operator class, with its schema */
  readonly definition: (trigrams: string) => string;
};

/** Which switches are on, for those who choose how to look. */
export type SwitchesOn = {
  readonly text: boolean;
  readonly payload: boolean;
  /** Paths of payloads with an index of their numbers. */
  readonly paths: readonly (readonly string[])[];
};

/**
 * The switch of this name: `text`, `payload`, or `payload.` and the fields' names down to a number. A name with anything but
 * letters, digits, `_` and `-` in it stands in quotes: `payload."order.lines".total`.
 *
 * @throws {OfficeError} `USAGE`
 */
export function indexSwitch(name: string): IndexSwitch {
  if (name === "text")
    return {
      name,
      indexes: [
        { name: messageIndex, definition: (trigrams) => `using gin (error_message ${trigrams})` },
        { name: payloadTextIndex, definition: (trigrams) => `using gin ((payload::text) ${trigrams})` },
      ],
    };
  if (name === "payload")
    return { name, indexes: [{ name: payloadIndex, definition: () => "using gin (payload jsonb_path_ops)" }] };
  if (!name.startsWith("payload."))
    throw usage(`${unknownWord("index", name, ["text", "payload"])}, or a path such as payload.order.total`);
  const path = readPath(name);
  return { name: nameOfPath(path), indexes: [{ name: pathIndexName(path), definition: () => pathIndex(path) }] };
}

/** Which indexes of switches are in use. Costs less than a millisecond. */
export async function switchesOn(db: Db): Promise<SwitchesOn> {
  const found = await switchedIndexes(db);
  const on = (name: string) => found.some((index) => index.name === name && index.valid);
  return {
    text: on(messageIndex) && on(payloadTextIndex),
    payload: on(payloadIndex),
    paths: found.flatMap(({ path, valid }) => (valid && path !== null ? [path] : [])),
  };
}

export type FoundIndex = {
  readonly name: string;
  /** The switch that it belongs to. */
  readonly of: string;
  /** Built to its end. One that is not is written to all the same. */
  readonly valid: boolean;
  readonly bytes: number;
  readonly path: readonly string[] | null;
};

/** The indexes of switches that are there, also those that were never built to their end. */
export async function switchedIndexes(db: Db): Promise<readonly FoundIndex[]> {
  const rows = await translatingErrors(db, async () =>
    db.execute<{ name: string; valid: boolean; bytes: string; path: string | null }>(sql`
      select c.relname as name, i.indisvalid as valid, pg_relation_size(c.oid) as bytes, to_json(${pathOfDefinition})::text as path
      from pg_index i join pg_class c on c.oid = i.indexrelid,
        regexp_match(pg_get_indexdef(c.oid), ${`#> (E?)'((?:[^']|'')*)'::text\\[\\]`}) as m
      where i.indrelid = 'dlo.dead_letters'::regclass
        and (c.relname in (${messageIndex}, ${payloadTextIndex}, ${payloadIndex}) or starts_with(c.relname, ${pathIndexes}))
      order by c.oid`),
  );
  return rows.map(({ name, valid, bytes, path: json }) => {
    const path = json === null ? null : (JSON.parse(json) as string[]);
    const of = path !== null ? nameOfPath(path) : name === payloadIndex ? "payload" : "text";
    return { name, of, valid, bytes: Number(bytes), path };
  });
}

/**
 * Whether what is at a path is a number, in the very words of the index: it is used only where this stands.
 *
 * An entry must fit on a page, and a number in `jsonb` may have 130,000 digits. A double has at most 309, so none that a job
 * was given is left out.
 *
 * @param there such as `payload #> '{order,total}'::text[]`
 */
export function isIndexedNumber(there: SQL): SQL {
  return sql`jsonb_typeof(${there}) = 'number' and octet_length((${there})::text) < 1000`;
}

const messageIndex = "dead_letters_message_text";
const payloadTextIndex = "dead_letters_payload_text";
const payloadIndex = "dead_letters_payload";
const pathIndexes = "dead_letters_at_";

/** Postgres writes a literal with a backslash in it as E'…'. */
const pathOfDefinition = sql`replace(case m[1] when 'E' then replace(m[2], ${"\\\\"}, ${"\\"}) else m[2] end, '''''', '''')::text[]`;

/** Cast to a number, "n/a" would make the insert fail; unbounded, a long text would. A letter could not be written then. */
function pathIndex(path: readonly string[]): string {
  const array = `{${path.map((key) => `"${key.replaceAll(/["\\]/g, "\\$&")}"`).join(",")}}`;
  const there = `(payload #> '${array.replaceAll("'", "''")}'::text[])`;
  return `using btree (${there}) where jsonb_typeof(${there}) = 'number' and octet_length(${there}::text) < 1000`;
}

function pathIndexName(path: readonly string[]): string {
  const hash = createHash("sha256").update(JSON.stringify(path)).digest("hex").slice(0, 8);
  const words = path.join("_").toLowerCase().replaceAll(/\W+/g, "_").slice(0, 30);
  return `${pathIndexes}${words}_${hash}`;
}

function nameOfPath(path: readonly string[]): string {
  return ["payload", ...path.map((key) => (/^[\w-]+$/.test(key) ? key : JSON.stringify(key)))].join(".");
}

function readPath(name: string): readonly string[] {
  const keys: string[] = [];
  let rest = name.slice("payload".length);
  while (rest !== "") {
    const [whole, word, quoted = ""] = /^\.(?:([\w-]+)|("(?:[^"\\]|\\.)*"))/.exec(rest) ?? [];
    if (whole === undefined)
      throw usage(
        `"${name}" is no path: at "${rest}" a dot and a field's name must follow, in quotes where it is no plain word`,
      );
    keys.push(word ?? unquoted(quoted, name));
    rest = rest.slice(whole.length);
  }
  const place = keys.find((key) => /^\s*[+-]?\d+$/.test(key));
  if (place !== undefined)
    throw usage(`"${name}" leads into a list (${place}), and an index is made of named fields only`);
  return keys;
}

function unquoted(text: string, name: string): string {
  try {
    const key = JSON.parse(text) as string;
    if (key.isWellFormed() && !key.includes("\0")) return key;
  } catch {
    // Refused below.
  }
  throw usage(`"${name}" is no path: ${text} is no text`);
}
