import { createServer } from "node:net";
import { readFileSync } from "node:fs";
import vm from "node:vm";
import { ApplicationFailure, TimeoutFailure } from "@temporalio/common";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { compactError, recordError } from "../../model/error-record.ts";

const bytes = (value: unknown) => new TextEncoder().encode(JSON.stringify(value)).length;

async function thrownBy(action: () => unknown): Promise<unknown> {
  try {
    await action();
  } catch (thrown) {
    return thrown;
  }
  throw new Error("It did not throw");
}

class CatalogueError extends Error {}

describe("what is no error", () => {
  test.each([
    ["boom", "boom"],
    ["", "an empty string was thrown"],
    [undefined, "undefined was thrown"],
    [null, "null was thrown"],
    [42, "42"],
    [10n, "10"],
    [Symbol("oops"), "Symbol(oops)"],
    [() => 1, "a function was thrown"],
    [[1, 2], "[1,2]"],
    [{}, "an object was thrown"],
    [{ reason: "full" }, '{"reason":"full"}'],
  ])("%o", (thrown, message) => {
    expect(recordError(thrown)).toMatchObject({ type: "NonError", message, causes: [] });
  });

  test("an object with a message is read like an error", () => {
    expect(recordError({ name: "QuotaError", message: "full", code: 7, limit: 3 })).toEqual({
      type: "QuotaError",
      message: "full",
      code: "7",
      properties: { limit: 3 },
      causes: [],
    });
  });
});

describe("types", () => {
  test("a class says more than the name Error, which it inherits", () => {
    expect(recordError(new CatalogueError("x")).type).toBe("CatalogueError");
    expect(recordError(new TypeError("x")).type).toBe("TypeError");
    expect(recordError(new (class e extends Error {})("minified")).type).toBe("Error");
  });

  test("an error of another realm is one", () => {
    expect(recordError(vm.runInNewContext('new RangeError("far")'))).toMatchObject({
      type: "RangeError",
      message: "far",
    });
  });

  test("an ApplicationFailure has its own type, and may forbid retries", () => {
    const failure = ApplicationFailure.nonRetryable("no such movie", "MovieMissing", { id: 7 });
    expect(recordError(failure)).toMatchObject({ type: "MovieMissing", message: "no such movie", nonRetryable: true });
    expect(recordError(ApplicationFailure.retryable("later")).nonRetryable).toBeUndefined();
    expect(recordError(ApplicationFailure.retryable("later")).type).toBe("Error");
  });

  test("a timeout says which", () => {
    const failure = new TimeoutFailure("activity timed out", { secret: "heartbeat" }, "HEARTBEAT");
    const record = recordError(failure);
    expect(record).toMatchObject({ type: "TimeoutFailure", properties: { timeoutType: "HEARTBEAT" } });
    expect(JSON.stringify(record)).not.toContain("secret");
  });

  test("name, message and stack that are no text", () => {
    const odd = Object.assign(new Error("x"), { name: 7, stack: [1] });
    Object.defineProperty(odd, "message", { value: { a: 1 } });
    expect(recordError(odd)).toEqual({ type: "Error", message: '{"a":1}', causes: [] });
  });
});

describe("real errors", () => {
  test("fetch to a closed port keeps the reason below it", async () => {
    const server = createServer().listen(0, "127.0.0.1");
    await new Promise((resolve) => server.once("listening", resolve));
    const { port } = server.address() as { port: number };
    await new Promise((resolve) => server.close(resolve));
    const record = recordError(await thrownBy(() => fetch(`http://127.0.0.1:${port}/`)));
    expect(record).toMatchObject({
      type: "TypeError",
      message: "fetch failed",
      causes: [{ code: "ECONNREFUSED", properties: { syscall: "connect", address: "127.0.0.1", port } }],
    });
  });

  test("a file that is not there", async () => {
    expect(recordError(await thrownBy(() => readFileSync("/nowhere/movies.json")))).toMatchObject({
      type: "Error",
      code: "ENOENT",
      properties: { syscall: "open", path: "/nowhere/movies.json" },
    });
  });

  test("zod's issues, which it hides from enumeration", async () => {
    const record = recordError(await thrownBy(() => z.object({ title: z.string() }).parse({ title: 1 })));
    expect(record).toMatchObject({
      type: "ZodError",
      properties: { issues: [{ code: "invalid_type", path: ["title"] }] },
    });
  });
});

describe("chains", () => {
  test("causes come in order, the direct one first", () => {
    const error = new Error("a", { cause: new TypeError("b", { cause: "c" }) });
    expect(recordError(error).causes).toMatchObject([
      { type: "TypeError", message: "b" },
      { type: "NonError", message: "c" },
    ]);
  });

  test("a circle ends, and more than five are cut with a mark", () => {
    const circle = new Error("a", { cause: new Error("b") });
    (circle.cause as Error).cause = circle;
    expect(recordError(circle)).toMatchObject({ message: "a", causes: [{ message: "b" }] });
    expect(recordError(circle).causes).toHaveLength(1);
    let long = new Error("0");
    for (let i = 1; i < 20; i++) long = new Error(String(i), { cause: long });
    expect(recordError(long)).toMatchObject({ message: "19", cut: true });
    expect(recordError(long).causes.map(({ message }) => message)).toEqual(["18", "17", "16", "15", "14"]);
  });

  test("members of an AggregateError come with what lay below them, at most ten and the true count", () => {
    const members = Array.from({ length: 30 }, (_, i) => new Error(`m${i}`, { cause: new Error(`c${i}`) }));
    const record = recordError(new AggregateError(members, "all failed"));
    expect(record).toMatchObject({ type: "AggregateError", message: "all failed", errorsTotal: 30 });
    expect(record.errors).toHaveLength(10);
    expect(record.errors?.[0]).toMatchObject({ message: "m0", causes: [{ message: "c0" }] });
  });

  test("an AggregateError without a message says what its members say", () => {
    expect(recordError(new AggregateError([new Error("a"), new Error("b")])).message).toBe("a; b");
  });

  test("a list that holds no errors stays a property", () => {
    const error = Object.assign(new Error("invalid"), { errors: ["title is missing"] });
    expect(recordError(error)).toMatchObject({ properties: { errors: ["title is missing"] } });
    expect(recordError(error).errors).toBeUndefined();
  });
});

describe("bounds", () => {
  test("a message of a mebibyte is cut, and the stack still has its frames", () => {
    const record = recordError(new Error("x".repeat(1_048_576)));
    expect(record.message).toMatch(/^x+… \[cut: 1,048,576 characters in all\]$/);
    expect(record.cut).toBe(true);
    expect(record.stack).toMatch(/\n {4}at .*error-record\.test\.ts/);
    expect(bytes(record)).toBeLessThan(20_000);
  });

  test("a circular detail of an HTTP client is reduced to what tells, without its credentials", () => {
    const request: Record<string, unknown> = { path: "/x" };
    request["self"] = request;
    const error = Object.assign(new Error("Request failed with status code 422"), {
      code: "ERR_BAD_REQUEST",
      config: { headers: { Authorization: "Bearer s3cr3t" } },
      request,
      detail: request,
      apiKey: "s3cr3t",
      response: { status: 422, headers: { cookie: "s3cr3t" }, data: { violations: ["year"] }, request },
    });
    const record = recordError(error);
    expect(record.properties).toMatchObject({
      response: { status: 422, data: { violations: ["year"] } },
      apiKey: "[redacted]",
    });
    expect(JSON.stringify(record)).not.toContain("s3cr3t");
  });

  test("what Postgres refuses is replaced and marked", () => {
    const error = Object.assign(new Error("a\0b"), { "k\0": "\ud800", code: "C\0" });
    const record = recordError(error);
    expect(record).toMatchObject({ message: "a␀b", code: "C␀", properties: { "k␀": "\ufffd" }, cleaned: true });
    expect(JSON.stringify(record)).not.toMatch(/\\u0000|\\ud800/);
  });

  test("getters that throw and proxies that refuse everything cost only what they hide", () => {
    const hostile = {
      get message() {
        throw new Error("no");
      },
      get stack() {
        throw new Error("no");
      },
      name: "HostileError",
      hint: "kept",
    };
    expect(recordError(hostile)).toMatchObject({ type: "HostileError", properties: { hint: "kept" } });
    const refuse = (): never => {
      throw new Error("refused");
    };
    const traps = {
      get: refuse,
      has: refuse,
      ownKeys: refuse,
      getPrototypeOf: refuse,
      getOwnPropertyDescriptor: refuse,
    };
    expect(recordError(new Proxy({}, traps)).type).toBe("NonError");
    expect(recordError(new Error("a", { cause: new Proxy([], traps) }))).toMatchObject({ message: "a" });
    const noLength = new Proxy([new Error("a")], {
      get: (list, key) => (key === "length" ? NaN : Reflect.get(list, key)),
    });
    expect(recordError(Object.assign(new Error("b"), { errors: noLength, list: noLength })).message).toBe("b");
    const { proxy, revoke } = Proxy.revocable(new Error("gone"), {});
    revoke();
    expect(recordError(proxy).type).toBe("NonError");
    // Whatever is asked of it, it answers with another like itself.
    const endless: object = new Proxy(() => {}, { get: () => endless, ownKeys: () => ["prototype", "arguments"] });
    expect(bytes(recordError(endless))).toBeLessThanOrEqual(65_536);
  });

  /** Errors made of anything, in chains and bundles, with texts that JSON writes in six bytes a character. */
  const anyText = fc.oneof(
    fc.string({ unit: "binary" }),
    fc
      .constantFrom("\u0001", "\0", '"', "\ud800", "😀", "x")
      .chain((unit) => fc.nat({ max: 30_000 }).map((n) => unit.repeat(n))),
  );
  const anyThrown = fc.letrec<{ thrown: unknown; error: Error }>((tie) => ({
    thrown: fc.oneof(
      { maxDepth: 3 },
      fc.anything({ withBigInt: true, withTypedArray: true, withDate: true }),
      anyText,
      tie("error"),
    ),
    error: fc
      .record({
        message: anyText,
        name: fc.oneof(anyText, fc.anything()),
        stack: fc.oneof(anyText, fc.anything()),
        code: fc.oneof(anyText, fc.integer()),
        cause: tie("thrown"),
        errors: fc.array(tie("thrown"), { maxLength: 12 }),
        own: fc.dictionary(fc.string(), fc.oneof(anyText, fc.anything()), { maxKeys: 6 }),
      })
      .map(({ message, name, stack, code, cause, errors, own }) => {
        const error: Error = new AggregateError(errors, message, { cause });
        Object.assign(error, own, { name, stack, code });
        return error;
      }),
  })).thrown;

  test("whatever is thrown: never throws, 64 KiB, text that Postgres takes, plain JSON", () => {
    fc.assert(
      fc.property(anyThrown, (thrown) => {
        const record = recordError(thrown);
        const json = JSON.stringify(record);
        expect(bytes(record)).toBeLessThanOrEqual(65_536);
        expect(json).not.toMatch(/\\u0000|\\ud[89a-f]/i);
        expect(JSON.parse(json)).toEqual(record);
        expect(record.causes.length).toBeLessThanOrEqual(5);
        expect(new TextEncoder().encode(record.message).length).toBeLessThanOrEqual(4096);
        expect(new TextEncoder().encode(record.stack ?? "").length).toBeLessThanOrEqual(8192);
        const compact = compactError(record);
        expect(bytes(compact)).toBeLessThanOrEqual(2048);
        expect(compact.type === "").toBe(record.type === "");
      }),
      { numRuns: 300 },
    );
  });
});

describe("compactError", () => {
  test("keeps what fits as it is", () => {
    const record = recordError("boom");
    expect(compactError(record)).toBe(record);
  });

  test("keeps type, message, the first frames and what lay below", () => {
    const below = Object.assign(new Error("connect refused"), { code: "ECONNREFUSED" });
    const error = new CatalogueError("y".repeat(5000), { cause: below });
    const compact = compactError(recordError(error));
    expect(compact).toMatchObject({
      type: "CatalogueError",
      causes: [{ type: "Error", message: "connect refused", code: "ECONNREFUSED" }],
      cut: true,
    });
    expect(compact.message).toMatch(/^y{900,}… \[cut: 5,000 characters in all\]$/);
    expect(compact.stack?.split("\n").length).toBeLessThanOrEqual(4);
    expect(compact.stack).toMatch(/error-record\.test\.ts/);
    expect(bytes(compactError(recordError(error), 500))).toBeLessThanOrEqual(500);
  });
});
