import { type Marks, snapshot } from "./snapshot.ts";

/** The fields of one payload, by path. */
export type PayloadFields = {
  /** `order.total`, `items[].sku` (of every item), `["a key"].b`; the whole payload's own path is empty. */
  readonly fields: ReadonlyMap<string, Field>;
  /** Not all of it was read: it has more fields, items or levels than are looked at. */
  readonly cut: boolean;
};

export type Field = {
  readonly path: string;
  /** The path of what it is in; absent for the whole payload. */
  readonly parent?: string;
  /** One, or in lists one an item that has it. */
  readonly places: readonly Place[];
};

/** One value in a payload. */
export type Place = {
  /** Positions in the lists on the way to it, such as `0.3`. */
  readonly at: string;
  readonly type: ValueType;
  readonly value: unknown;
  /** Equal where type and value are. Of an object it says nothing of what is in it, of a list only how much. */
  readonly token: string;
};

export type ValueType = "null" | "boolean" | "number" | "string" | "list" | "object";

/** Fields, values, items of one list, levels. A payload may have two megabytes, and its reader a terminal. */
const mostFields = 2000;
const mostPlaces = 20_000;
const mostItems = 100;
const mostLevels = 12;

/** Takes a payload apart. What JSON cannot say (`undefined`, functions) is not there. */
export function payloadFields(payload: unknown): PayloadFields {
  const fields = new Map<string, Field & { places: Place[] }>();
  let places = 0;
  let cut = false;
  const visit = (value: unknown, path: string, parent: string | undefined, at: string, level: number): void => {
    const type = typeOf(value);
    if (type === undefined) return;
    let field = fields.get(path);
    if ((field === undefined && fields.size >= mostFields) || places >= mostPlaces) return void (cut = true);
    if (field === undefined)
      fields.set(path, (field = { path, ...(parent === undefined ? {} : { parent }), places: [] }));
    places++;
    const isContainer = type === "list" || type === "object";
    const isDeep = isContainer && level >= mostLevels;
    field.places.push({ at, type, value, token: isDeep ? `${type} ${canonical(value)}` : tokenOf(type, value) });
    if (isDeep) return;
    if (Array.isArray(value)) {
      if (value.length > mostItems) cut = true;
      for (const [i, item] of value.slice(0, mostItems).entries())
        visit(item, `${path}[]`, path, at === "" ? String(i) : `${at}.${i}`, level + 1);
    } else if (type === "object")
      for (const [key, inner] of Object.entries(value as object)) visit(inner, below(path, key), path, at, level + 1);
  };
  visit(payload, "", undefined, "", 0);
  return { fields, cut };
}

/** Whether fields can lie in it. */
export function holdsFields({ type, value }: Place): boolean {
  return (type === "list" && (value as unknown[]).length > 0) || type === "object";
}

/** Whether it is all there is to see at its path. */
export function isLeaf({ type, value }: Place): boolean {
  return type === "object" ? Object.keys(value as object).length === 0 : !holdsFields({ type, value } as Place);
}

/** A value to be shown: a copy of bounded size. */
export function shownValue(value: unknown): unknown {
  const marks: Marks = { cut: false, cleaned: false };
  return snapshot(value, { textBytes: 200, keys: 10, depth: 2 }, 0, marks);
}

function typeOf(value: unknown): ValueType | undefined {
  if (value === null) return "null";
  if (Array.isArray(value)) return "list";
  switch (typeof value) {
    case "boolean":
    case "number":
    case "string":
    case "object":
      return typeof value as ValueType;
    default:
      return undefined;
  }
}

function tokenOf(type: ValueType, value: unknown): string {
  if (type === "object" || type === "null") return type;
  if (type === "list") return `list ${(value as unknown[]).length}`;
  return `${type} ${String(value)}`;
}

function below(path: string, key: string): string {
  if (!/^[\p{L}_$][\p{L}\p{N}_$-]*$/u.test(key)) return `${path}[${JSON.stringify(key)}]`;
  return path === "" ? key : `${path}.${key}`;
}

/** JSON with its keys in order. */
export function canonical(value: unknown): string {
  return JSON.stringify(value, (_, inner: unknown) =>
    typeof inner === "object" && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).toSorted(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );
}
