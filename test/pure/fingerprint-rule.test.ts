import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { causeByRule, type RuledDeath } from "../../model/cause-by-rule.ts";
import { defineConfig, refuseForeignKeys } from "../../model/config.ts";
import { recordError } from "../../model/error-record.ts";
import { fingerprint } from "../../model/fingerprint.ts";
import type { FingerprintRule } from "../../model/fingerprint-rule.ts";

const refused = Object.assign(new Error("connect ECONNREFUSED 10.0.0.7:5432"), { code: "ECONNREFUSED" });

function death(thrown: unknown, otherwise: Partial<RuledDeath> = {}): RuledDeath {
  return {
    error: recordError(thrown),
    job: "import-movie",
    queue: "default",
    category: "network",
    reason: "exhausted",
    ...otherwise,
  };
}

const gatewayDown: FingerprintRule = { name: "gateway down", match: { code: "ECONNREFUSED" } };

describe("a rule", () => {
  test("joins all that match, however deep the error lies, and names the cause", () => {
    const plain = causeByRule([gatewayDown], death(refused));
    expect(plain).toMatchObject({ rule: "gateway down", title: "gateway down", version: 1 });
    expect(plain!.id).toMatch(/^[\da-f]{8}-[\da-f]{4}-8[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/);
    const wrapped = new Error("sync failed", { cause: new AggregateError([refused, refused], "all failed") });
    expect(causeByRule([gatewayDown], death(wrapped, { job: "sync", queue: "slow" }))).toEqual(plain);
    expect(causeByRule([gatewayDown], death(new Error("connect")))).toBeUndefined();
  });

  test("asks for all that it names, of one error of the chain", () => {
    const rule = (match: FingerprintRule["match"]) => causeByRule([{ name: "x", match }], death(chain));
    const chain = new TypeError("fetch failed", { cause: refused });
    expect(rule({ error: "TypeError", message: "fetch" })).toBeDefined();
    expect(rule({ error: "TypeError", code: "ECONNREFUSED" })).toBeUndefined();
    expect(rule({ code: "ECONNREFUSED", job: "import-movie", queue: "default", category: "network" })).toBeDefined();
    expect(rule({ code: "ECONNREFUSED", job: ["charge-card", "sync"] })).toBeUndefined();
    expect(rule({ code: "ECONNREFUSED", reason: ["lost", "exhausted"] })).toBeDefined();
    expect(rule({ code: "ECONNREFUSED", category: "data" })).toBeUndefined();
  });

  test("knows * for any characters, and whole texts but for messages", () => {
    const matches = (match: FingerprintRule["match"], otherwise: Partial<RuledDeath> = {}) =>
      causeByRule([{ name: "x", match }], death(refused, otherwise)) !== undefined;
    expect(matches({ job: "import-*" })).toBe(true);
    expect(matches({ job: "import" })).toBe(false);
    expect(matches({ job: "*movie*" })).toBe(true);
    expect(matches({ job: "import.movie" })).toBe(false);
    expect(matches({ message: "econnrefused 10.*:5432" })).toBe(true);
    expect(matches({ message: "econnrefused 10?" })).toBe(false);
    expect(matches({ message: /^connect (ECONNREFUSED|ECONNRESET)/ })).toBe(true);
    expect(matches({ job: /^import/ })).toBe(true);
    expect(matches({ job: "a(b|c)[d]^$+{1}\\/" }, { job: "a(b|c)[d]^$+{1}\\/" })).toBe(true);
  });

  test("takes a text as it is written, whatever it is", () => {
    const died = death(refused);
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => {
        fc.pre(text !== "" && !text.includes("*") && text.isWellFormed());
        const rules: FingerprintRule[] = [{ name: "x", match: { job: text } }];
        expect(causeByRule(rules, { ...died, job: text })).toBeDefined();
        expect(causeByRule(rules, { ...died, job: `${text}x` })).toBeUndefined();
      }),
    );
  });

  test("matches every time, also with a regular expression that remembers where it ended", () => {
    const rules = [{ name: "x", match: { message: /ECONN/g } }];
    for (let i = 0; i < 3; i++) expect(causeByRule(rules, death(refused))).toBeDefined();
  });

  test("splits by fields and by what a group took", () => {
    const rules: FingerprintRule[] = [
      {
        name: "host",
        match: { message: /ECONNREFUSED (?<host>[\d.]+)/ },
        by: ["host", "job"],
        title: "{host} refuses {job}",
      },
    ];
    const of = (host: string, job: string) =>
      causeByRule(rules, death(Object.assign(new Error(`connect ECONNREFUSED ${host}:1`)), { job }))!;
    expect(of("10.0.0.1", "a").title).toBe("10.0.0.1 refuses a");
    const ids = [of("10.0.0.1", "a"), of("10.0.0.2", "a"), of("10.0.0.1", "b")].map(({ id }) => id);
    expect(new Set(ids).size).toBe(3);
    expect(of("10.0.0.1", "a").id).toBe(ids[0]);
    // What a value looks like is no part of the title's own words.
    expect(of("10.0.0.1", "{host}").title).toBe("10.0.0.1 refuses {host}");
  });

  test("splits the built-in causes further, and keeps their titles", () => {
    const rules: FingerprintRule[] = [{ name: "per queue", match: { job: "*" }, by: ["queue", "fingerprint"] }];
    const other = new RangeError("year 17 is out of range");
    const ids = [death(refused), death(refused, { queue: "slow" }), death(other)].map((one) =>
      causeByRule(rules, one)!,
    );
    expect(new Set(ids.map(({ id }) => id)).size).toBe(3);
    expect(ids[2]!.title).toBe("per queue (default, RangeError: year <n> is out of range)");
    expect(causeByRule(rules, death(new RangeError("year 99 is out of range"), { queue: "default" }))!.id).toBe(
      causeByRule(rules, death(new RangeError("year 17 is out of range")))!.id,
    );
    expect(fingerprint(recordError(other)).causeId).not.toBe(ids[2]!.id);
  });

  test("splits by the message without what varies, by code, type, category, reason and frame", () => {
    for (const by of ["message", "code", "error", "category", "reason", "frame"] as const)
      expect(causeByRule([{ name: "x", match: { job: "*" }, by: [by] }], death(refused))).toBeDefined();
    const byMessage: FingerprintRule[] = [{ name: "x", match: { job: "*" }, by: ["message"] }];
    const order = (id: number) => causeByRule(byMessage, death(new Error(`order ${id} is gone`)))!;
    expect(order(17)).toEqual(order(4711));
    expect(order(17).title).toBe("x (order <n> is gone)");
  });

  test("is the first that matches", () => {
    const all: FingerprintRule = { name: "all", match: { job: "*" } };
    expect(causeByRule([gatewayDown, all], death(refused))!.rule).toBe("gateway down");
    expect(causeByRule([all, gatewayDown], death(refused))!.rule).toBe("all");
  });
});

describe("a rule that cannot be meant is refused, with where and why", () => {
  const refusedRules: Record<string, [rules: unknown, why: string]> = {
    "no list": [gatewayDown, "fingerprint: it must be a list of rules"],
    "no object": [["gateway down"], "fingerprint[0]: it must be an object of name, match, by, title"],
    "no name": [[{ match: { code: "x" } }], "fingerprint[0].name: it must be a name"],
    "a name twice": [[gatewayDown, gatewayDown], 'fingerprint[1]: two rules have the name "gateway down"'],
    "no match": [[{ name: "x" }], "fingerprint[0].match: it must be an object"],
    "an empty match": [[{ name: "x", match: {} }], 'For all of them: { job: "*" }'],
    "a misspelt key": [[{ name: "x", match: { code: "x" }, titel: "y" }], 'Did you mean "title"?'],
    "a misspelt field": [[{ name: "x", match: { mesage: "x" } }], 'Did you mean "message"?'],
    "a category that is none": [[{ name: "x", match: { category: "netwrok" } }], 'Did you mean "network"?'],
    "a reason that is none": [[{ name: "x", match: { reason: ["exhausted", "gave_up"] } }], "match.reason"],
    "a number for a text": [
      [{ name: "x", match: { code: 404 } }],
      "it must be a text or a regular expression, got 404",
    ],
    "an empty text": [[{ name: "x", match: { job: "" } }], "it must be a text or a regular expression"],
    "an empty list": [[{ name: "x", match: { job: [] } }], "the list is empty"],
    "by what is no field": [[{ name: "x", match: { job: "*" }, by: ["jobs"] }], 'Did you mean "job"?'],
    "by a group that is not there": [
      [{ name: "x", match: { message: /(?<host>\w+)/ }, by: ["hosts"] }],
      'Did you mean "host"?',
    ],
    "a group that hides a field": [
      [{ name: "x", match: { message: /(?<job>\w+)/ }, by: ["job"] }],
      'a group cannot be named "job"',
    ],
    "by nothing": [[{ name: "x", match: { job: "*" }, by: [] }], "fingerprint[0].by: it must be a list"],
    "a title with what varies": [
      [{ name: "x", match: { job: "*" }, title: "{queue} is down" }],
      'fingerprint[0].title: {queue} is not in the rule\'s "by"',
    ],
    "an empty title": [[{ name: "x", match: { job: "*" }, title: " " }], "fingerprint[0].title: it must be a text"],
  };
  test.for(Object.entries(refusedRules))("%s", ([, [fingerprint, why]]) => {
    expect(() => defineConfig({ fingerprint } as never)).toThrow(
      expect.objectContaining({ code: "CONFIG_INVALID", message: expect.stringContaining(why) }),
    );
  });

  test("in a worker's configuration, which nobody would read", () => {
    const config = defineConfig({ fingerprint: [gatewayDown] });
    expect(() => refuseForeignKeys(config, "office")).not.toThrow();
    expect(() => refuseForeignKeys(config, "worker")).toThrow("fingerprint: read by `dlo office`");
  });
});
