import fc from "fast-check";
import { expect, test } from "vitest";
import { asRunMemo, readRunMemo, runMemoKey, traceIdOf } from "../../model/run-memo.ts";

test("a memo that our client wrote is read as it is", () => {
  const build = { deploymentName: "vans", buildId: "2" };
  const memo = {
    version: 1,
    headers: { a: "b" },
    idempotencyKey: "i",
    key: "k",
    batch: "b",
    retry: 2,
    deaths: 3,
    build,
  };
  expect(readRunMemo({ [runMemoKey]: memo, other: 1 })).toEqual(memo);
  expect(readRunMemo(undefined)).toEqual({});
});

test("numbers that a plain CLI makes of texts are taken as texts, and what makes no sense is left out", () => {
  expect(
    asRunMemo({
      version: 2,
      headers: { n: 1, flag: true, no: null, list: [] },
      idempotencyKey: 7,
      key: {},
      batch: "",
      retry: -1,
      deaths: 1.5,
      build: { deploymentName: "vans", buildId: "" },
    }),
  ).toEqual({
    headers: { n: "1", flag: "true" },
    idempotencyKey: "7",
  });
});

test("whatever stands there, what is read has the shape of a memo", () => {
  fc.assert(
    fc.property(fc.anything(), (found) => {
      const { headers = {}, idempotencyKey = "", key = "", batch = "", retry = 0, deaths = 0 } = asRunMemo(found);
      for (const text of [...Object.values(headers), idempotencyKey, key, batch]) expect(typeof text).toBe("string");
      for (const count of [retry, deaths]) expect(count).toBeGreaterThanOrEqual(0);
    }),
  );
});

test("the trace id is that of a W3C traceparent, or none", () => {
  expect(traceIdOf({ traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01" })).toBe(
    "0af7651916cd43dd8448eb211c80319c",
  );
  for (const traceparent of ["", "00-xyz", "0af7651916cd43dd8448eb211c80319c"])
    expect(traceIdOf({ traceparent })).toBeUndefined();
  expect(traceIdOf(undefined)).toBeUndefined();
});
