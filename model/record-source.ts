/**
 * Where a record came from: texts and numbers by name, such as `{ system: "kafka", topic: "orders", partition: 3, offset: "4711" }`.
 *
 * One coordinate is one letter. `system` says which system's coordinates they are, and is none itself.
 */
export type RecordSource = Readonly<Record<string, string | number>>;

/** One line for people: `kafka offset=4711 partition=3 topic=orders`. */
export function sourceText({ system, ...coordinates }: RecordSource): string {
  const pairs = Object.entries(coordinates).map(([name, value]) => `${name}=${value}`);
  return [...(system === undefined ? [] : [String(system)]), ...pairs.toSorted()].join(" ");
}
