/**
 * Shortens ids as far as they tell these letters apart.
 *
 * The first 12 digits of an id are its time in milliseconds, so fewer would name all that died in a minute or a second.
 */
export function shortIds(ids: readonly string[]): ReadonlyMap<string, string> {
  const distinct = [...new Set(ids)];
  for (const length of lengths) {
    const short = new Map(distinct.map((id) => [id, id.slice(0, length)]));
    if (new Set(short.values()).size === distinct.length) return short;
  }
  return new Map(distinct.map((id) => [id, id]));
}

/** A list of ids for a sentence. */
export function shortList(ids: readonly string[]): string {
  return [...shortIds(ids).values()].join(", ");
}

export function shortId(id: string): string {
  return id.slice(0, lengths[0]);
}

/** Up to the ends of the groups. */
const lengths = [13, 18, 23] as const;
