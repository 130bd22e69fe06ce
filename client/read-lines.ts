/** A line of a file, from 1; or why it cannot be read. */
export type ReadLine =
  | { readonly line: number; readonly text: string }
  | { readonly line: number; readonly why: string };

/** Pieces of a file as bytes, or whole lines as texts. */
export type Lines = AsyncIterable<Uint8Array | string> | Iterable<Uint8Array | string>;

/**
 * The lines of a file, one at a time. Empty ones are counted and left out; one that is too long is skipped without being held.
 */
export async function* readLines(pieces: Lines): AsyncGenerator<ReadLine> {
  let line = 1;
  let held: Uint8Array[] = [];
  let bytes = 0;
  const take = (): ReadLine | undefined => {
    const read = bytes > mostBytes ? { line, why: tooLong } : decoded(line, held);
    [held, bytes] = [[], 0];
    line++;
    return "text" in read && read.text.trim() === "" ? undefined : read;
  };
  const hold = (part: Uint8Array) => {
    bytes += part.length;
    if (bytes > mostBytes) held = [];
    else if (part.length > 0) held.push(part);
  };
  for await (const piece of pieces) {
    const whole = typeof piece === "string";
    const data = whole ? Buffer.from(piece) : piece;
    let from = 0;
    for (let end = data.indexOf(newline); end >= 0; end = data.indexOf(newline, from)) {
      hold(data.subarray(from, end));
      from = end + 1;
      const read = take();
      if (read !== undefined) yield read;
    }
    // A piece may be overwritten by its owner once the next is asked for.
    // (The `slice` of a Buffer would be a view of it.)
    hold(whole ? data.subarray(from) : new Uint8Array(data.subarray(from)));
    if (!whole || (from > 0 && from === data.length)) continue;
    const read = take();
    if (read !== undefined) yield read;
  }
  if (bytes > 0) {
    const read = take();
    if (read !== undefined) yield read;
  }
}

const newline = 0x0a;
const mostBytes = 128 << 20;
const tooLong = "the line has more than 128 MiB";

function decoded(line: number, parts: readonly Uint8Array[]): ReadLine {
  try {
    // A byte order mark at a file's head is no part of its first line.
    return { line, text: new TextDecoder("utf-8", { fatal: true }).decode(Buffer.concat(parts)) };
  } catch {
    return { line, why: "the line is not in UTF-8" };
  }
}
