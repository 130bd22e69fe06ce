import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { messagePattern, messageSkeleton } from "../../model/message-pattern.ts";

test.each([
  ["Order 4711 of ann@example.com not found", "Order <n> of <email> not found"],
  ["order-4711 not found", "order-<n> not found"],
  ["user 0197a3b2-1111-7222-8333-444455556666 is gone", "user <uuid> is gone"],
  ["cus_Nf93kdl3XpQ7 has no card", "cus_<id> has no card"],
  ["session V1StGXR8_Z5jdHi6B-myT expired", "session <id> expired"],
  ["pod db-7f8a9b6c5d-x2k4j is down", "pod db-<id> is down"],
  ["object 3f2a9c81deadbeef at 0xdeadbeef", "object <id> at <n>"],
  ["took 1,234 ms, more than 1.5 seconds or 5MB", "took <n>, more than <n>"],
  ["ids: 1, 2, 3", "ids: <n>"],
  ["connect ECONNREFUSED 127.0.0.1:41299", "connect ECONNREFUSED <host>"],
  ["connect ECONNREFUSED ::1:41299", "connect ECONNREFUSED <host>"],
  ["getaddrinfo ENOTFOUND db", "getaddrinfo ENOTFOUND <host>"],
  ["write CONNECT_TIMEOUT db:5432", "write CONNECT_TIMEOUT <host>"],
  ["cannot reach api.example.com:8443", "cannot reach <host>"],
  ["GET https://api.example.com:8443/v1/movies/17?x=1 failed", "GET <url> failed"],
  ["release date 2046-01-17 lies in the future", "release date <time> lies in the future"],
  ["bad date 2024-05-01T12:00:00.123Z", "bad date <time>"],
  ["bad date Tue Nov 15 2024 12:45:26 GMT+0000 (Coordinated Universal Time)", "bad date <time>"],
  ["Tue, 15 Nov 2024 12:45:26 GMT passed", "<time> passed"],
  ["ENOENT: no such file or directory, open '/data/in/movies.csv'", "ENOENT: no such file or directory, open <quoted>"],
  ["cannot read /data/in/movies-7.csv", "cannot read <path>"],
  ["C:\\Users\\ann\\x.txt is missing", "<path> is missing"],
  ["could not parse movies-2024.csv", "could not parse <path>"],
  ["Unexpected token 'h', \"hello wor\"... is not valid JSON", "Unexpected token <quoted> is not valid JSON"],
  ['invalid input syntax for type integer: "abc"', "invalid input syntax for type integer: <quoted>"],
  ["title „Das Boot“ ist weg", "title <quoted> ist weg"],
  [
    'insert into "movies" values ($1)\nparams: The Apartment,1960',
    "insert into <quoted> values (<n>) params: <quoted>",
  ],
])("%s", (message, pattern) => {
  expect(messagePattern(message)).toBe(pattern);
});

test.each([
  "Cannot read properties of undefined (reading 'title')",
  'null value in column "title" of relation "movies" violates not-null constraint',
  'duplicate key value violates unique constraint "users_email_key"',
  'The "path" argument must be of type string. Received undefined',
  "Cannot find module 'pg'",
  "Request failed with status code 503",
  "HTTP 404: Not Found",
  "the catalogue answered 422",
  "worker exited with code 137",
  "response.json is not a function",
  "movies.map is not a function",
  "can't find the user's order",
  "title: Invalid input: expected string, received number",
])("stays as it is, for it names code, schema or a status: %s", (message) => {
  expect(messagePattern(message)).toBe(message);
});

describe("what varies", () => {
  /** Values that two occurrences of one bug differ by, each with a sentence around them. */
  const digits = fc.integer({ min: 0, max: 10 ** 12 });
  const hex = (length: number) => fc.stringMatching(new RegExp(`^[0-9a-f]{${length}}$`));
  const values = {
    numbers: digits.map(String),
    durations: fc
      .tuple(fc.nat({ max: 99_999 }), fc.constantFrom("ms", "s", " ms", " seconds", "%"))
      .map(([n, u]) => `${n}${u}`),
    uuids: fc.uuid(),
    hashes: hex(40),
    "object ids": hex(24),
    times: fc.date({ noInvalidDate: true, min: new Date(0), max: new Date(4e12) }).map((date) => date.toISOString()),
    days: fc
      .date({ noInvalidDate: true, min: new Date(0), max: new Date(4e12) })
      .map((date) => date.toISOString().slice(0, 10)),
    "printed dates": fc.date({ noInvalidDate: true, min: new Date(0), max: new Date(4e12) }).map(String),
    addresses: fc.tuple(fc.ipV4(), fc.integer({ min: 1, max: 65_535 })).map(([ip, port]) => `${ip}:${port}`),
    "hosts and ports": fc
      .tuple(fc.stringMatching(/^[a-z]{1,9}$/), fc.integer({ min: 1, max: 65_535 }))
      .map(([name, port]) => `${name}.example.com:${port}`),
    // An apostrophe at the end of a URL might as well close a quotation.
    urls: fc.webUrl({ withQueryParameters: true }).filter((url) => !url.includes("'")),
    mails: fc
      .tuple(fc.stringMatching(/^[a-z.]{1,9}$/), fc.stringMatching(/^[a-z]{1,9}$/))
      .map(([a, b]) => `${a}@${b}.com`),
    paths: fc
      .array(fc.stringMatching(/^[a-z\d_-]{1,9}$/), { minLength: 1, maxLength: 6 })
      .map((parts) => `/${parts.join("/")}`),
    "quoted values": fc.stringMatching(/^[^"\\\0\ud800-\udfff]{0,40}$/).map((text) => `"${text}"`),
    "lists of numbers": fc.array(digits, { minLength: 1, maxLength: 9 }).map((list) => list.join(", ")),
  };
  const sentences = [
    "order {} is late",
    "no answer for {}",
    "{} cannot be taken",
    "(seen: {}) by the clerk",
    "key={}, state=open",
  ];

  test.each(Object.keys(values) as (keyof typeof values)[])("%s do not tell two occurrences apart", (kind) => {
    fc.assert(
      fc.property(values[kind], values[kind], fc.constantFrom(...sentences), (one, other, sentence) => {
        expect(messageSkeleton(sentence.replace("{}", () => one))).toBe(
          messageSkeleton(sentence.replace("{}", () => other)),
        );
      }),
    );
  });

  test("where a long message was cut does not tell two occurrences apart", () => {
    const cut = (id: number, total: string) =>
      `order ${id} has "${String(id).repeat(50)}… [cut: ${total} characters in all]`;
    expect(messagePattern(cut(17, "9,000"))).toBe("order <n> has <quoted>");
    expect(messageSkeleton(cut(17, "9,000"))).toBe(messageSkeleton(cut(12_345, "81,000")));
  });
});

test("hostile messages of a mebibyte end, as a search in quadratic time would not", () => {
  const units = [
    "a",
    "a ",
    "'",
    "'a ",
    '"a',
    "1",
    "a.",
    "a@",
    "/",
    "1:2",
    "<n> ",
    "at ",
    "aA1-",
    "「",
    '{"',
    "\\",
    "[::",
    "0x",
    "-",
  ];
  for (const unit of units) {
    const message = unit.repeat(Math.ceil(1_048_576 / unit.length));
    expect(messagePattern(message).length).toBeLessThanOrEqual(400);
    expect(messageSkeleton(message).length).toBeLessThanOrEqual(400);
  }
});
