import { strict as assert } from "node:assert";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer as createHttpServer } from "node:http";
import { createServer } from "node:net";
import { ActivityFailure, ApplicationFailure, RetryState, TerminatedFailure, TimeoutFailure } from "@temporalio/common";
import fc from "fast-check";
import postgres from "postgres";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { categories } from "../../model/category.ts";
import { classify } from "../../model/classify.ts";
import { recordError } from "../../model/error-record.ts";

const categoryOf = (thrown: unknown) => classify(recordError(thrown));

async function thrownBy(action: () => unknown): Promise<unknown> {
  try {
    await action();
  } catch (thrown) {
    return thrown;
  }
  throw new Error("It did not throw");
}

async function closedPort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, "close");
  return port;
}

describe("real errors", () => {
  test("fetch and postgres to a closed port: network", async () => {
    const port = await closedPort();
    expect(categoryOf(await thrownBy(() => fetch(`http://127.0.0.1:${port}/`)))).toBe("network");
    expect(categoryOf(await thrownBy(() => fetch(`http://localhost:${port}/`)))).toBe("network");
    const sql = postgres(`postgres://u:p@127.0.0.1:${port}/db`, { max: 1 });
    expect(categoryOf(await thrownBy(() => sql`select 1`))).toBe("network");
    await sql.end();
  });

  test("fetch of a name that does not exist: network", async () => {
    expect(categoryOf(await thrownBy(() => fetch("http://nowhere.invalid/")))).toBe("network");
  });

  test("a server that hangs up: network; one that never answers: timeout", async () => {
    const hangsUp = createServer((socket) => socket.destroy()).listen(0, "127.0.0.1");
    await once(hangsUp, "listening");
    const { port } = hangsUp.address() as { port: number };
    expect(categoryOf(await thrownBy(() => fetch(`http://127.0.0.1:${port}/`)))).toBe("network");
    hangsUp.close();

    const silent = createHttpServer(() => {}).listen(0, "127.0.0.1");
    await once(silent, "listening");
    const url = `http://127.0.0.1:${(silent.address() as { port: number }).port}/`;
    expect(categoryOf(await thrownBy(() => fetch(url, { signal: AbortSignal.timeout(20) })))).toBe("timeout");
    silent.closeAllConnections();
    silent.close();
  });

  test.each<[string, () => unknown, string]>([
    ["a file that is not there", () => readFileSync("/nowhere/movies.json"), "data"],
    ["text that is not JSON", () => JSON.parse("{title"), "data"],
    ["a response that is not JSON", () => new Response("<html>").json(), "data"],
    ["what zod refuses", () => z.object({ title: z.string() }).parse({ title: 1 }), "data"],
    ["a property of undefined", () => (undefined as unknown as { id: string }).id, "code"],
    ["a name that is not defined", () => eval("nowhere"), "code"],
    ["source that cannot be parsed", () => eval("let let"), "code"],
    ["an assertion", () => assert.equal(1, 2), "code"],
    [
      "a recursion without end",
      () =>
        (function again(): number {
          return again() + 1;
        })(),
      "code",
    ],
    ["an array that is too long", () => "x".repeat(2 ** 30), "resource"],
    ["a module that is not there", () => import(`${"no-such"}-module`), "code"],
    ["a URL that is none", () => new URL("nonsense"), "data"],
  ])("%s", async (_, action, category) => {
    expect(categoryOf(await thrownBy(action))).toBe(category);
  });
});

const coded = (code: string | number, message = "", more = {}) => Object.assign(new Error(message), { code, ...more });

test.each([
  ["timeout", ["ETIMEDOUT", "UND_ERR_CONNECT_TIMEOUT", "UND_ERR_HEADERS_TIMEOUT", "CONNECT_TIMEOUT", "P1008"]],
  [
    "network",
    ["ECONNREFUSED", "ENOTFOUND", "ECONNRESET", "EPIPE", "UND_ERR_SOCKET", "CONNECTION_CLOSED", "ERR_NETWORK"],
  ],
  ["resource", ["ENOSPC", "EMFILE", "ENOMEM", "SQLITE_FULL"]],
  ["data", ["ENOENT", "SQLITE_CONSTRAINT_UNIQUE", "P2002", "ER_DUP_ENTRY"]],
  ["auth", ["EACCES", "CERT_HAS_EXPIRED", "ERR_TLS_CERT_ALTNAME_INVALID", "AccessDenied"]],
  ["rate_limit", ["Throttling", "SlowDown"]],
  ["code", ["ERR_INVALID_ARG_TYPE", "MODULE_NOT_FOUND"]],
  ["unknown", ["SOMETHING_ELSE", "42"]],
])("codes of %s", (category, codes) => {
  expect(codes.map((code) => [code, categoryOf(coded(code))])).toEqual(codes.map((code) => [code, category]));
});

test("Postgres's codes by their class", () => {
  const byCode = (code: string) => categoryOf(coded(code, "", { name: "PostgresError", severity: "ERROR" }));
  const expected = {
    "08006": "network",
    "22P02": "data",
    "23505": "data",
    "28P01": "auth",
    "40001": "dependency",
    "40P01": "dependency",
    "42P01": "code",
    "42501": "auth",
    "53300": "resource",
    "55P03": "dependency",
    "57014": "timeout",
    "57P01": "dependency",
    P0001: "data",
    XX000: "dependency",
  };
  expect(Object.fromEntries(Object.keys(expected).map((code) => [code, byCode(code)]))).toEqual(expected);
});

test("gRPC's numbers count only where they are gRPC's", () => {
  const grpc = (code: number) => categoryOf(coded(code, "", { details: "x", metadata: {} }));
  expect([3, 4, 7, 8, 12, 14, 16].map(grpc)).toEqual([
    "data",
    "timeout",
    "auth",
    "rate_limit",
    "code",
    "dependency",
    "auth",
  ]);
  expect(categoryOf(coded(14))).toBe("unknown");
});

test("HTTP statuses, wherever a client puts them", () => {
  const expected = {
    400: "data",
    401: "auth",
    403: "auth",
    404: "data",
    408: "timeout",
    409: "data",
    422: "data",
  } as const;
  const more = { 429: "rate_limit", 500: "dependency", 502: "dependency", 503: "dependency", 504: "timeout" } as const;
  for (const [text, category] of Object.entries({ ...expected, ...more })) {
    const status = Number(text);
    expect(categoryOf(Object.assign(new Error("x"), { status }))).toBe(category);
    expect(categoryOf(Object.assign(new Error("x"), { statusCode: status }))).toBe(category);
    expect(categoryOf(Object.assign(new Error("x"), { response: { status } }))).toBe(category);
    expect(categoryOf(Object.assign(new Error("x"), { $metadata: { httpStatusCode: status } }))).toBe(category);
    expect(categoryOf(new Error(`Request failed with status code ${status}`))).toBe(category);
    expect(categoryOf(new Error(`HTTP ${status}: no luck`))).toBe(category);
  }
});

test("AWS says by name what its status hides", () => {
  const aws = (name: string) => categoryOf(Object.assign(new Error("x"), { name, $metadata: { httpStatusCode: 400 } }));
  expect(
    ["ThrottlingException", "AccessDeniedException", "ExpiredTokenException", "ValidationException"].map(aws),
  ).toEqual(["rate_limit", "auth", "auth", "data"]);
});

test("axios's own timeout is one, though its code says aborted", () => {
  expect(categoryOf(coded("ECONNABORTED", "timeout of 1000ms exceeded"))).toBe("timeout");
  expect(categoryOf(coded("ECONNABORTED", "Request aborted"))).toBe("network");
});

test("Temporal's failures", () => {
  const timeout = (type: "HEARTBEAT" | "START_TO_CLOSE") => new TimeoutFailure("activity timed out", undefined, type);
  expect(categoryOf(timeout("HEARTBEAT"))).toBe("lost");
  expect(categoryOf(timeout("START_TO_CLOSE"))).toBe("timeout");
  expect(categoryOf(new TerminatedFailure("terminated"))).toBe("lost");
  const cause = ApplicationFailure.create({ type: "RateLimitError", message: "slow down" });
  const failure = new ActivityFailure(
    "Activity task failed",
    "pay",
    "1",
    RetryState.MAXIMUM_ATTEMPTS_REACHED,
    "w",
    cause,
  );
  expect(categoryOf(failure)).toBe("rate_limit");
});

describe("a chain", () => {
  test("a code below counts before a class above", () => {
    expect(categoryOf(new TypeError("cannot load", { cause: coded("ECONNRESET") }))).toBe("network");
    expect(categoryOf(new Error("import failed", { cause: new Error("x", { cause: coded("EMFILE") }) }))).toBe(
      "resource",
    );
  });

  test("of two codes the outer one knows more", () => {
    expect(categoryOf(Object.assign(new Error("x", { cause: coded("ECONNRESET") }), { status: 429 }))).toBe(
      "rate_limit",
    );
  });

  test("members of an AggregateError count, and what lies below them", () => {
    expect(categoryOf(new AggregateError([new Error("x", { cause: coded("EPIPE") })], "all failed"))).toBe("network");
  });
});

test.each([
  ["timeout", ["request timed out", "Deadline exceeded", "PaymentTimeout"]],
  ["network", ["socket hang up", "connection reset by peer", "Network is unreachable"]],
  ["dependency", ["Service temporarily unavailable", "502 Bad Gateway", "deadlock detected"]],
  ["rate_limit", ["Rate limit reached", "Too many requests"]],
  ["resource", ["JavaScript heap out of memory", "sorry, too many clients already"]],
  ["auth", ["permission denied for table movies", "Invalid API key", "Unauthorized"]],
  ["code", ["x.map is not a function", "not implemented"]],
  ["data", ["invalid date", "title must be a string", "movie 7 not found"]],
  ["unknown", ["boom", "", "it did not work"]],
])("words of %s, as a last resort", (category, messages) => {
  expect(messages.map((message) => [message, categoryOf(new Error(message))])).toEqual(
    messages.map((message) => [message, category]),
  );
});

test("every error has a category", () => {
  fc.assert(fc.property(fc.anything(), (thrown) => categories.includes(categoryOf(thrown))));
});
