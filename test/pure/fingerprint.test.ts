import { once } from "node:events";
import { createServer } from "node:net";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import type { ErrorRecord } from "../../model/error-record.ts";
import { recordError } from "../../model/error-record.ts";
import { fingerprint, fingerprintVersion } from "../../model/fingerprint.ts";

const causeOf = (thrown: unknown) => fingerprint(recordError(thrown)).causeId;

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

const example: ErrorRecord = {
  type: "CatalogueError",
  message: "Movie 17 was refused: release date 2046-01-17 lies in the future",
  stack:
    "CatalogueError: …\n    at store (/app/src/catalogue.ts:8:9)\n    at importMovie (/app/src/jobs/import-movie.ts:3:1)",
  causes: [],
};

test("version 1 stays as it is, or every open cause would be reshuffled", () => {
  expect(fingerprintVersion).toBe(1);
  expect(fingerprint(example)).toMatchInlineSnapshot(`
    {
      "causeId": "79746de0-f93c-8d4a-b696-8e53e752cf8f",
      "frame": "store catalogue",
      "hash": "3090e047463590b1398488542b445ded",
      "normalizedMessage": "Movie <n> was refused: release date <time> lies in the future",
      "title": "CatalogueError: Movie <n> was refused: release date <time> lies in the future",
      "version": 1,
    }
  `);
});

test("the cause's id is a UUID of version 8 that follows from the hash", () => {
  const { causeId } = fingerprint(example);
  expect(causeId).toMatch(/^[\da-f]{8}-[\da-f]{4}-8[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/);
  expect(fingerprint({ ...example }).causeId).toBe(causeId);
  expect(fingerprint({ ...example, type: "Other" }).causeId).not.toBe(causeId);
});

describe("one bug is one", () => {
  test("whatever the port, and however the host is written", async () => {
    const get = (url: string) => thrownBy(() => fetch(url));
    const [one, other] = [await closedPort(), await closedPort()];
    const causes = await Promise.all([`http://127.0.0.1:${one}/a`, `http://localhost:${other}/b`].map(get));
    expect(causeOf(causes[1])).toBe(causeOf(causes[0]));
    expect(fingerprint(recordError(causes[0])).title).toBe(
      "TypeError: fetch failed (ECONNREFUSED: connect ECONNREFUSED <host>)",
    );
  });

  test("whatever the line, the machine and the build", () => {
    const elsewhere = example.stack
      ?.replace(":8:9", ":99:1")
      .replace("/app/src/catalogue.ts", "/srv/x/dist/catalogue.js");
    expect(fingerprint({ ...example, stack: elsewhere ?? "" }).hash).toBe(fingerprint(example).hash);
  });

  test("however many items of a list break the same rule", async () => {
    const movies = z.array(z.object({ title: z.string(), year: z.number() }));
    const check = (list: unknown[]) => thrownBy(() => movies.parse(list));
    const good = { title: "Vertigo", year: 1958 };
    const one = await check([{ ...good, title: 1 }]);
    expect(causeOf(await check([good, { ...good, title: 1 }, { ...good, title: 300 }]))).toBe(causeOf(one));
    expect(fingerprint(recordError(one)).title).toBe(
      "ZodError: <n>.title: Invalid input: expected string, received number",
    );
    expect(causeOf(await check([{ ...good, year: "x" }]))).not.toBe(causeOf(one));
  });

  test("whatever its ids and numbers are", () => {
    const refuse = (id: string, year: number, city: string) =>
      new Error(`Movie ${id} of ${year} was not shown in "${city}"`, {
        cause: new RangeError(`year ${year} of ${id}`),
      });
    fc.assert(
      fc.property(fc.uuid(), fc.nat(), fc.stringMatching(/^[\w ]{0,20}$/), (id, year, city) => {
        expect(causeOf(refuse(id, year, city))).toBe(
          causeOf(refuse("0197a3b2-1111-7222-8333-444455556666", 1958, "Rome")),
        );
      }),
    );
  });
});

describe("two bugs are two", () => {
  const differing: [string, ErrorRecord][] = [
    ["type", { ...example, type: "StoreError" }],
    ["message", { ...example, message: "Movie 17 was refused: it has no title" }],
    ["code", { ...example, code: "E_FUTURE" }],
    ["HTTP status", { ...example, properties: { status: 422 } }],
    ["place", { ...example, stack: "CatalogueError: …\n    at check (/app/src/catalogue.ts:8:9)" }],
    ["innermost cause", { ...example, causes: [{ type: "Error", message: "x" }] }],
    ["innermost cause's code", { ...example, causes: [{ type: "Error", message: "x", code: "EPIPE" }] }],
  ];
  test.each(differing)("that differ by %s", (_, other) => {
    expect(fingerprint(other).hash).not.toBe(fingerprint(example).hash);
  });

  test("that read another property of undefined in the same function", () => {
    const read = (movie: any, what: "a" | "b") => (what === "a" ? movie.title.length : movie.director.name);
    const causes = (["a", "b"] as const).map(async (what) => causeOf(await thrownBy(() => read({}, what))));
    return Promise.all(causes).then(([a, b]) => expect(a).not.toBe(b));
  });
});

test("the frame is the innermost error's; a socket's has none, so the caller's counts", () => {
  const at = (place: string) => `Error\n    at ${place}`;
  const wrapped = { ...example, causes: [{ type: "Error", message: "x", stack: at("parse (/app/src/parse.ts:1:1)") }] };
  expect(fingerprint(wrapped).frame).toBe("parse parse");
  const socket = { ...example, causes: [{ type: "Error", message: "x", stack: at("afterConnect (node:net:1:1)") }] };
  expect(fingerprint(socket).frame).toBe("store catalogue");
});

test("takes anything that was thrown", () => {
  fc.assert(
    fc.property(fc.anything(), (thrown) => {
      const { hash, title } = fingerprint(recordError(thrown));
      expect(hash).toMatch(/^[\da-f]{32}$/);
      expect(new TextEncoder().encode(title).length).toBeLessThanOrEqual(200);
    }),
  );
});
