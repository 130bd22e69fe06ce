import { appendFileSync, closeSync, fsyncSync, ftruncateSync, mkdirSync, openSync, readFileSync } from "node:fs";
import { dirname } from "node:path";
import type { GoodMovie } from "./good-movie.ts";

/**
 * What happened, or was about to, more than once:
 * `another_body` is a known key with other content, which is refused; `same_movie` is known content under a new key,
 * which is stored, since nothing in the request forbids it, and so stands there twice.
 */
export type SecondEffect =
  | { readonly kind: "another_body"; readonly key: string; readonly at: string }
  | { readonly kind: "same_movie"; readonly key: string; readonly firstKey: string; readonly at: string };

export type StoredMovie = { readonly key: string; readonly at: string; readonly movie: GoodMovie };

export type CatalogueStore = {
  /** Stores the movie under its key once. `"conflict"` leaves what is there as it is. */
  put(key: string, movie: GoodMovie): "stored" | "repeated" | "conflict";
  /** Takes note of a record that came under a known key and can't be what is stored there. */
  noteConflict(key: string): void;
  has(key: string): boolean;
  readonly movies: ReadonlyMap<string, StoredMovie>;
  readonly secondEffects: readonly SecondEffect[];
  close(): void;
};

/**
 * Opens the journal of the catalogue, a line an entry, and makes it where there is none.
 *
 * The file is authoritative and only ever grows. A line is in the kernel's hands before its request is answered, so
 * `kill -9` loses nothing that was confirmed; power loss may, as the disk is flushed on close alone. A last line that a
 * crash left half-written was never confirmed: it is cut off.
 *
 * @throws if a line before the last is not readable
 */
export function openStore(file: string): CatalogueStore {
  mkdirSync(dirname(file), { recursive: true });
  const handle = openSync(file, "a+");
  const movies = new Map<string, StoredMovie>();
  const keyOfContent = new Map<string, string>();
  const secondEffects: SecondEffect[] = [];
  let journalBytes = 0;

  try {
    const bytes = readFileSync(handle);
    journalBytes = bytes.lastIndexOf("\n") + 1;
    if (journalBytes < bytes.length) ftruncateSync(handle, journalBytes);
    bytes
      .toString("utf8", 0, journalBytes)
      .split("\n")
      .slice(0, -1)
      .forEach((line, index) => remember(parseLine(line, `${file}:${index + 1}`)));
  } catch (error) {
    closeSync(handle);
    throw error;
  }

  return { put, noteConflict, has: (key) => movies.has(key), movies, secondEffects, close };

  function put(key: string, movie: GoodMovie): "stored" | "repeated" | "conflict" {
    const there = movies.get(key);
    if (there) {
      if (contentOf(there.movie) === contentOf(movie)) return "repeated";
      noteConflict(key);
      return "conflict";
    }
    const at = new Date().toISOString();
    const firstKey = keyOfContent.get(contentOf(movie));
    const stored: Entry = { entry: "movie", key, at, movie };
    append(firstKey === undefined ? [stored] : [stored, { entry: "second", kind: "same_movie", key, firstKey, at }]);
    return "stored";
  }

  function noteConflict(key: string): void {
    append([{ entry: "second", kind: "another_body", key, at: new Date().toISOString() }]);
  }

  function append(entries: readonly Entry[]): void {
    const lines = Buffer.from(entries.map((entry) => `${JSON.stringify(entry)}\n`).join(""));
    try {
      // Synchronous, so that no second request comes between the look and the write.
      appendFileSync(handle, lines);
    } catch (error) {
      // A full disk takes half a line, and the next one would be glued to it.
      ftruncateSync(handle, journalBytes);
      throw error;
    }
    journalBytes += lines.length;
    entries.forEach(remember);
  }

  function remember(line: Entry): void {
    const { entry, ...rest } = line;
    if (entry === "second") {
      secondEffects.push(rest as SecondEffect);
      return;
    }
    const stored = rest as StoredMovie;
    movies.set(stored.key, stored);
    const content = contentOf(stored.movie);
    if (!keyOfContent.has(content)) keyOfContent.set(content, stored.key);
  }

  function close(): void {
    fsyncSync(handle);
    closeSync(handle);
  }
}

type Entry = ({ readonly entry: "movie" } & StoredMovie) | ({ readonly entry: "second" } & SecondEffect);

/** Equal for equal movies: the schema has put the fields in its own order, whatever order they came in. */
function contentOf(movie: GoodMovie): string {
  return JSON.stringify(movie);
}

function parseLine(line: string, where: string): Entry {
  try {
    return JSON.parse(line) as Entry;
  } catch (cause) {
    throw new Error(`${where} is not a line of the catalogue. Repair it, or remove the file to start empty.`, {
      cause,
    });
  }
}
