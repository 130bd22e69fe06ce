import fc from "fast-check";
import { expect, test, vi } from "vitest";
import { ownTimeZone, timeZoneOf } from "../../model/time-zone.ts";
import { anyZone, momentNearChange } from "./zones.ts";

vi.setConfig({ testTimeout: 60_000 });

test.for([
  ["UTC", "2026-07-01T00:00Z", 0],
  ["Europe/Berlin", "2026-07-01T00:00Z", 120],
  ["Europe/Berlin", "2026-12-01T00:00Z", 60],
  ["Asia/Kolkata", "2026-07-01T00:00Z", 330],
  ["Asia/Kathmandu", "2026-07-01T00:00Z", 345],
  ["America/St_Johns", "2026-12-01T00:00Z", -210],
] as const)("clocks of %s are ahead at %s by %d minutes", ([name, at, minutes]) => {
  expect(timeZoneOf(name).offsetAt(Date.parse(at)) / 60_000).toBe(minutes);
});

test.for([
  ["Europe/Berln", 'Did you mean "Europe/Berlin"?'],
  ["berlin", 'Did you mean "Europe/Berlin"?'],
  ["New York", 'Did you mean "America/New_York"?'],
  ["Mars/Base", "Give an IANA name, such as Europe/Berlin, or UTC"],
  ["", "Give an IANA name"],
] as const)("%j is no time zone", ([name, hint]) => {
  expect(() => timeZoneOf(name)).toThrow(hint);
  expect(() => timeZoneOf(name)).toThrow(expect.objectContaining({ code: "USAGE" }));
});

test("what clocks show leads back to a moment at which they show it", () => {
  fc.assert(
    fc.property(
      anyZone.chain((zone) => fc.tuple(fc.constant(zone), momentNearChange(zone))),
      ([name, ms]) => {
        const zone = timeZoneOf(name);
        const local = ms + zone.offsetAt(ms);
        const back = zone.atLocal(local);
        expect(back + zone.offsetAt(back)).toBe(local);
        // Shown twice, the first is meant.
        expect(back).toBeLessThanOrEqual(ms);
      },
    ),
    { numRuns: 100 },
  );
});

test("a time that clocks leave out is when they go on", () => {
  const berlin = timeZoneOf("Europe/Berlin");
  expect(new Date(berlin.atLocal(Date.parse("2026-03-29T02:30Z"))).toISOString()).toBe("2026-03-29T01:30:00.000Z");
});

test("this machine's zone is one", () => {
  expect(timeZoneOf(ownTimeZone()).name).toBe(ownTimeZone());
});
