import fc from "fast-check";
import { expect, test } from "vitest";
import { packSeed, unpackSeed } from "../../model/run-seed.ts";

const latin1 = fc.string({ unit: fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code)) });
const seeds = fc.record({
  payloads: fc.array(
    fc.record({
      metadata: fc.dictionary(fc.string(), latin1, { noNullPrototype: true }),
      data: fc.uint8Array({ maxLength: 300 }),
    }),
  ),
  memo: fc.record(
    { key: fc.string(), headers: fc.dictionary(fc.string(), fc.string(), { noNullPrototype: true }) },
    { requiredKeys: [] },
  ),
});

test("a seed comes out of its packing as it went in, also from the middle of a buffer", () => {
  fc.assert(
    fc.property(seeds, fc.nat(40), (seed, offset) => {
      const packed = packSeed(seed);
      const within = new Uint8Array(offset + packed.length);
      within.set(packed, offset);
      expect(unpackSeed(within.subarray(offset))).toEqual(seed);
    }),
  );
});

test("packing adds a header alone, no base64", () => {
  const data = new Uint8Array(1_900_000);
  expect(packSeed({ payloads: [{ metadata: { encoding: "binary/plain" }, data }], memo: {} }).length).toBeLessThan(
    1_900_200,
  );
});
