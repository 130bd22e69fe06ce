/** 9999-12-31: later years have five digits, which neither ISO 8601 nor people expect. Postgres would refuse them as text. */
export const farthestMs = Date.UTC(9999, 11, 31);

/** A point in time as the tables keep it. What lies beyond the year 9999 is brought back to it. */
export function momentAt(ms: number): Date {
  return new Date(Math.min(Math.trunc(ms), farthestMs));
}

/** The same, or null for what has no such point. */
export function momentOrNull(ms: number | null | undefined): Date | null {
  return ms === null || ms === undefined ? null : momentAt(ms);
}

/** A span as the tables keep it: null has no end. */
export function spanOrNull(ms: number | "indefinite"): number | null {
  return ms === "indefinite" ? null : Math.min(Math.trunc(ms), farthestMs);
}
