import { type Cell, cellOf, isHolder, signature } from "./compare-payloads.ts";
import {
  canonical,
  type Field,
  isLeaf,
  payloadFields,
  type Place,
  shownValue,
  type ValueType,
} from "./payload-fields.ts";

/** What sets one payload apart from others. */
export type Apart = {
  /** What stands out most comes first; then by path. */
  readonly differences: readonly Difference[];
  /** Paths of what is the same in all. */
  readonly equal: readonly string[];
  /** One of the payloads has more fields, items or levels than were looked at. */
  readonly cut: boolean;
};

export type Difference = {
  readonly path: string;
  readonly kind: DifferenceKind;
  /** What it has; null where it has nothing there. Of a list's items, those that stand out. */
  readonly here: Cell | null;
  /** What the others have, the most frequent first, at most 5. */
  readonly seen: readonly { readonly value: unknown; readonly times: number }[];
  /** How many different values that is in all. */
  readonly distinct: number;
  readonly types: readonly ValueType[];
  /** How many of the others have this path, */
  readonly have: number;
  /** of how many that could: they have the object that it lies in. */
  readonly of: number;
  /** Smallest and largest of the others: of numbers, or of lengths of texts and lists. */
  readonly range?: readonly [number, number];
};

/**
 * How a field stands out, strongest first.
 *
 * - `type`: none of the others has a value of this type there
 * - `missing`: all the others have it
 * - `extra`: none of the others has it
 * - `value`: none has this value, and theirs repeat
 * - `form`: texts of theirs are all made alike (`99-aa`), and this one is not
 * - `range`: smaller or larger, shorter or longer than all of theirs
 * - `differs`: all the rest
 */
export const differenceKinds = ["type", "missing", "extra", "value", "form", "range", "differs"] as const;

export type DifferenceKind = (typeof differenceKinds)[number];

/**
 * What sets a payload apart from others, such as one that fails from those that succeed.
 *
 * Pure, and does not depend on the others' order. Of lists all items are looked at together: `items[].price` is a text in one
 * item here, and a number in all items there. At most 2,000 fields and 100 items of a list are looked at.
 */
export function setApart(subject: unknown, others: readonly unknown[]): Apart {
  const mine = payloadFields(subject);
  const theirs = others.map(payloadFields);
  const paths = [...new Set([mine, ...theirs].flatMap(({ fields }) => [...fields.keys()]))].toSorted();
  const differences: Difference[] = [];
  const equal: string[] = [];
  for (const path of paths) {
    const here = mine.fields.get(path);
    const parent = here?.parent ?? theirs.map(({ fields }) => fields.get(path)).find(Boolean)?.parent;
    // Where the whole object is missing, or something else, that is said of the object.
    if (parent !== undefined && !isHolder(mine.fields.get(parent))) continue;
    const asked = theirs.filter(({ fields }) => parent === undefined || isHolder(fields.get(parent)));
    if (asked.length === 0) continue;
    const there = asked.map(({ fields }) => fields.get(path));
    if (there.every((field) => signature(field) === signature(here))) {
      if (asked.length === others.length && [here, ...there].every((field) => field?.places.every(isLeaf)))
        equal.push(path);
      continue;
    }
    differences.push(differenceOf(path, here, there));
  }
  const rank = ({ kind }: Difference) => differenceKinds.indexOf(kind);
  return {
    differences: differences.toSorted((a, b) => rank(a) - rank(b)),
    equal,
    cut: [mine, ...theirs].some(({ cut }) => cut),
  };
}

function differenceOf(path: string, here: Field | undefined, there: readonly (Field | undefined)[]): Difference {
  const values = there.flatMap((field) => field?.places ?? []);
  const counted = countValues(values);
  const have = there.filter((field) => field !== undefined).length;
  const { kind, places = here?.places ?? [], range } = kindOf(here?.places ?? [], values, have, there.length);
  return {
    path,
    kind,
    here: cellOf({ places }),
    seen: counted.slice(0, 5).map(({ place, times }) => ({ value: shownValue(place.value), times })),
    distinct: counted.length,
    types: [...new Set(values.map(({ type }) => type))].toSorted(),
    have,
    of: there.length,
    ...(range === undefined ? {} : { range }),
  };
}

type Verdict = {
  readonly kind: DifferenceKind;
  /** Those of its values that it is about; absent for all. */
  readonly places?: readonly Place[];
  readonly range?: readonly [number, number];
};

function kindOf(here: readonly Place[], there: readonly Place[], have: number, of: number): Verdict {
  if (here.length === 0) return { kind: have === of ? "missing" : "differs" };
  if (have === 0) return { kind: "extra" };
  const types = new Set(there.map(({ type }) => type));
  const ofOtherType = here.filter(({ type }) => !types.has(type));
  if (ofOtherType.length > 0) return { kind: "type", places: ofOtherType };
  const known = new Set(there.map(({ token }) => token));
  const fresh = here.filter(({ token }) => !known.has(token));
  // Of a single one nobody can tell what is usual.
  if (fresh.length === 0 || there.length < 2) return { kind: "differs" };
  // Of lists the length is compared, which is a range however small.
  const isAlways = known.size === 1 && fresh.every(({ type }) => type !== "list");
  return (
    (isAlways && { kind: "value" as const, places: fresh }) ||
    otherForm(fresh, there) ||
    outOfRange(fresh, there) ||
    (known.size <= there.length / 2 && { kind: "value" as const, places: fresh }) || { kind: "differs", places: fresh }
  );
}

function otherForm(fresh: readonly Place[], there: readonly Place[]): Verdict | undefined {
  const texts = there.flatMap(({ value }) => (typeof value === "string" ? [form(value)] : []));
  const [usual] = texts;
  if (usual === undefined || texts.length < 2 || texts.some((other) => other !== usual)) return undefined;
  const places = fresh.filter(({ value }) => typeof value === "string" && form(value) !== usual);
  return places.length === 0 ? undefined : { kind: "form", places };
}

/** What a text is made of: runs of digits, of letters, and what lies between. Two years, dates or order numbers have the same. */
function form(text: string): string {
  return text
    .slice(0, 200)
    .replace(/\p{L}+/gu, "a")
    .replace(/\p{N}+/gu, "9")
    .replace(/\s+/g, " ");
}

function outOfRange(fresh: readonly Place[], there: readonly Place[]): Verdict | undefined {
  for (const measure of [asNumber, asItems]) {
    const range = rangeOf(there, measure);
    if (range === undefined) continue;
    const places = fresh.filter((place) => {
      const size = measure(place);
      return size !== undefined && (size < range[0] || size > range[1]);
    });
    if (places.length > 0) return { kind: "range", places, range };
  }
  const range = rangeOf(there, asLength);
  if (range === undefined) return undefined;
  // A few characters more or less say nothing; nothing at all does, and twice as many.
  const places = fresh.filter((place) => {
    const size = asLength(place);
    return size !== undefined && ((size === 0 && range[0] > 0) || size > range[1] * 2 || size * 2 < range[0]);
  });
  return places.length === 0 ? undefined : { kind: "range", places, range };
}

const asNumber = ({ value }: Place) => (typeof value === "number" ? value : undefined);
const asItems = ({ value }: Place) => (Array.isArray(value) ? value.length : undefined);
const asLength = ({ value }: Place) => (typeof value === "string" ? value.length : undefined);

function rangeOf(
  places: readonly Place[],
  measure: (place: Place) => number | undefined,
): readonly [number, number] | undefined {
  const sizes = places.map(measure).filter((size) => size !== undefined);
  if (sizes.length === 0) return undefined;
  return [sizes.reduce((a, b) => Math.min(a, b)), sizes.reduce((a, b) => Math.max(a, b))];
}

/** The most frequent first; of equally frequent ones in the order of their values, so that the others' order does not matter. */
function countValues(places: readonly Place[]): { place: Place; times: number }[] {
  const counted = new Map<string, { place: Place; times: number }>();
  for (const place of places) {
    const json = canonical(place.value);
    const known = counted.get(json);
    if (known === undefined) counted.set(json, { place, times: 1 });
    else known.times++;
  }
  return [...counted]
    .toSorted(([a, { times: timesA }], [b, { times: timesB }]) => timesB - timesA || (a < b ? -1 : 1))
    .map(([, { place, times }]) => ({ place, times }));
}
