import { usage } from "./office-error.ts";
import { didYouMean } from "./suggest.ts";

/** A time zone by its IANA name, such as `"Europe/Berlin"`. */
export type TimeZone = {
  readonly name: string;
  /** How far its clocks are ahead of UTC at this moment, in milliseconds. */
  offsetAt(ms: number): number;
  /** The moment at which its clocks show this. @param localMs what they show, as if it were UTC */
  atLocal(localMs: number): number;
};

/** @throws {OfficeError} `USAGE` for a name that nobody knows, with the nearest one */
export function timeZoneOf(name: string): TimeZone {
  const format = formatOf(name);
  const offsetAt = (ms: number) => {
    const parts = new Map(format.formatToParts(ms).map(({ type, value }) => [type, Number(value)]));
    const of = (type: Intl.DateTimeFormatPartTypes) => parts.get(type) ?? 0;
    const local = Date.UTC(of("year"), of("month") - 1, of("day"), of("hour"), of("minute"), of("second"));
    return local - Math.floor(ms / 1000) * 1000;
  };
  // Of a time that clocks show twice the first is meant, and one that they leave out is when they go on.
  const atLocal = (localMs: number) => {
    const asBefore = localMs - offsetAt(localMs - dayMs);
    const at = localMs - offsetAt(asBefore);
    return at + offsetAt(at) === localMs ? at : asBefore;
  };
  return { name, offsetAt, atLocal };
}

/** The zone of this machine. */
export function ownTimeZone(): string {
  return Intl.DateTimeFormat().resolvedOptions().timeZone;
}

const dayMs = 86_400_000;

function formatOf(name: string): Intl.DateTimeFormat {
  try {
    return new Intl.DateTimeFormat("en-US", {
      timeZone: name,
      hourCycle: "h23",
      year: "numeric",
      month: "2-digit",
      day: "2-digit",
      hour: "2-digit",
      minute: "2-digit",
      second: "2-digit",
    });
  } catch {
    const meant = nearest(name);
    const hint = meant === undefined ? "Give an IANA name, such as Europe/Berlin, or UTC" : `Did you mean "${meant}"?`;
    throw usage(`Unknown time zone ${JSON.stringify(name.slice(0, 100))}. ${hint}`);
  }
}

/** Also for the city alone. */
function nearest(name: string): string | undefined {
  const zones = Intl.supportedValuesOf("timeZone");
  const cities = new Map(zones.map((zone) => [zone.slice(zone.lastIndexOf("/") + 1), zone]));
  const asked = name.replaceAll(" ", "_");
  const city = didYouMean(asked.slice(asked.lastIndexOf("/") + 1), [...cities.keys()]);
  return didYouMean(asked, ["UTC", ...zones]) ?? (city === undefined ? undefined : cities.get(city));
}
