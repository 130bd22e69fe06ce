import fc from "fast-check";
import { expect, test } from "vitest";
import { largestExtraBytes, readExtra } from "../../model/record-extra.ts";

test("plain fields stay as they are", () => {
  const extra = { tenant: "acme", tries: 3, tags: ["a"], nested: { at: null, ok: true } };
  expect(readExtra(extra)).toEqual(extra);
});

test.for([undefined, null, {}])("%j adds nothing", (given) => {
  expect(readExtra(given)).toBeUndefined();
});

test.for(["text", 7, [1], () => 1])("%s is refused", (given) => {
  expect(() => readExtra(given)).toThrow("Expected an object of fields");
});

test("what JSON and Postgres do not take is replaced, secrets are redacted", () => {
  expect(
    readExtra({ at: new Date(0), big: 7n, nul: "\0", gone: undefined, bytes: new Uint8Array(3), password: "p" }),
  ).toEqual({ at: "1970-01-01T00:00:00.000Z", big: "7", nul: "␀", bytes: "[3 bytes]", password: "[redacted]" });
});

test("whatever it is, it is at most 16 KiB of JSON, and what was cut is marked", () => {
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.anything({ withBigInt: true, withDate: true })), (given) => {
      const extra = readExtra(given);
      expect(Buffer.byteLength(JSON.stringify(extra ?? {}))).toBeLessThanOrEqual(largestExtraBytes);
    }),
  );
  const long = readExtra({ text: "x".repeat(100_000), kept: 1 })!;
  expect(long).toMatchObject({ kept: 1, cut: true });
  expect(long["text"]).toMatch(/^x{1000,}… \[cut: 100,000 characters in all\]$/);
  const wide = readExtra(Object.fromEntries(Array.from({ length: 5000 }, (_, i) => [`k${i}`, "v".repeat(50)])))!;
  expect(wide).toMatchObject({ k0: expect.any(String), cut: true });
  const circle: Record<string, unknown> = {};
  circle["self"] = circle;
  expect(readExtra(circle)).toMatchObject({ cut: true });
});
