import {
  type Field,
  holdsFields,
  isLeaf,
  payloadFields,
  type Place,
  shownValue,
  type ValueType,
} from "./payload-fields.ts";

/** Payloads side by side. */
export type Comparison = {
  /** What all have alike, in the order of paths. */
  readonly equal: readonly { readonly path: string; readonly value: unknown }[];
  /** What differs; first where few values are shared by many. Where a whole object differs, what is in it is not listed by itself. */
  readonly varying: readonly VaryingField[];
  /** Some of the payloads have more fields, items or levels than were looked at. */
  readonly cut: boolean;
};

export type VaryingField = {
  readonly path: string;
  /** One for each payload, in their order; null where it has no such field. */
  readonly cells: readonly (Cell | null)[];
  /** How many different ones there are, none at all being one. */
  readonly distinct: number;
};

/** What a payload has at a path. */
export type Cell = {
  readonly type: ValueType;
  /** Its different values, at most 5, each cut where it is large. One, unless the path leads through a list. */
  readonly values: readonly unknown[];
  /** How many there are; absent for one. */
  readonly count?: number;
  /** Of a list, how many items it has. */
  readonly items?: number;
};

/** Which fields are the same in all payloads, and which are not. Pure; at most 2,000 fields of a payload are looked at. */
export function comparePayloads(payloads: readonly unknown[]): Comparison {
  const read = payloads.map(payloadFields);
  const paths = [...new Set(read.flatMap(({ fields }) => [...fields.keys()]))].toSorted();
  const equal: { path: string; value: unknown }[] = [];
  const varying: VaryingField[] = [];
  for (const path of paths) {
    const found = read.map(({ fields }) => fields.get(path));
    const parent = found.find((field) => field !== undefined)?.parent;
    // Where the whole object is missing, or something else, that is said of the object.
    const asked = found.filter((_, i) => parent === undefined || isHolder(read[i]?.fields.get(parent)));
    const distinct = new Set(asked.map(signature)).size;
    if (distinct > 1) varying.push({ path, cells: found.map(cellOf), distinct });
    else if (asked.length === payloads.length && found.every((field) => field?.places.every(isLeaf)))
      equal.push({ path, value: shownValue(oneOrAll(found[0]?.places ?? [])) });
  }
  return {
    equal,
    varying: varying.toSorted((a, b) => a.distinct - b.distinct),
    cut: read.some(({ cut }) => cut),
  };
}

/** What a field has, to be shown. */
export function cellOf(field: Pick<Field, "places"> | undefined): Cell | null {
  const [first] = field?.places ?? [];
  if (field === undefined || first === undefined) return null;
  const values = [...new Map(field.places.map((place) => [place.token, place.value])).values()];
  return {
    type: first.type,
    values: values.slice(0, 5).map(shownValue),
    ...(field.places.length === 1 ? {} : { count: field.places.length }),
    ...(first.type === "list" && field.places.length === 1 ? { items: (first.value as unknown[]).length } : {}),
  };
}

export function isHolder(field: Field | undefined): boolean {
  return field?.places.some(holdsFields) ?? false;
}

/** The same where the fields are. */
export function signature(field: Field | undefined): string {
  return JSON.stringify(field?.places.map(({ at, token }) => [at, token]) ?? null);
}

function oneOrAll(places: readonly Place[]): unknown {
  return places.length === 1 ? places[0]?.value : places.map(({ value }) => value);
}
