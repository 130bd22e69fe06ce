/** A point in time, or a stretch of it where only a day was said. `to` is the first millisecond after it. */
export type Moment = { readonly from: Date; readonly to: Date };

/**
 * Reads a day (`2026-11-01`) or a time (`2026-11-01T10:00`, with seconds and a zone if wanted). Without a zone it is UTC, on
 * every machine alike.
 *
 * @returns undefined for what is neither, and for days that no calendar has
 */
export function readMoment(text: string): Moment | undefined {
  const [, year, month, day, hours, minutes, seconds, fraction, zone] = shape.exec(text) ?? [];
  if (year === undefined || month === undefined || day === undefined) return undefined;
  // Postgres writes the years outside in another way.
  if (Number(year) < 100 || Number(year) > 9998) return undefined;
  const startOfDay = Date.UTC(Number(year), Number(month) - 1, Number(day));
  const date = new Date(startOfDay);
  // Date.UTC rolls the 31st of November over.
  if (date.toISOString().slice(0, 10) !== `${year}-${month}-${day}`) return undefined;
  if (hours === undefined || minutes === undefined) return { from: date, to: new Date(startOfDay + 86_400_000) };
  if (Number(hours) > 23 || Number(minutes) > 59 || Number(seconds ?? 0) > 59) return undefined;
  const offset = offsetMinutes(zone);
  if (offset === undefined) return undefined;
  const ms = Number((fraction ?? "").padEnd(3, "0").slice(0, 3));
  const at = startOfDay + ((Number(hours) * 60 + Number(minutes) - offset) * 60 + Number(seconds ?? 0)) * 1000 + ms;
  return { from: new Date(at), to: new Date(at + 1) };
}

const shape = /^(\d{4})-(\d{2})-(\d{2})(?:[T ](\d{2}):(\d{2})(?::(\d{2})(?:\.(\d{1,9}))?)?(Z|[+-]\d{2}:?\d{2})?)?$/;

function offsetMinutes(zone: string | undefined): number | undefined {
  if (zone === undefined || zone === "Z") return 0;
  const hours = Number(zone.slice(1, 3));
  const minutes = Number(zone.slice(-2));
  if (hours > 14 || minutes > 59) return undefined;
  return (zone.startsWith("-") ? -1 : 1) * (hours * 60 + minutes);
}
