import { tmpdir } from "node:os";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { Cause, Regrouping } from "../../client/index.ts";
import { parkDeath } from "../../schema/park-death.ts";
import { sequenceEvents } from "../../schema/sequence-events.ts";
import { type TestDatabase, testDatabase } from "../setup/postgres.ts";
import { causeNamed, deathOf } from "../schema/deaths.ts";
import { dlo, folderWith } from "./dlo.ts";

// Causes are Postgres alone, so there is no Temporal here, and nobody misses it.

let database: TestDatabase;
let letterId: string;
const refused = causeNamed("connect ECONNREFUSED <host>");
const short = refused.id.slice(0, 8);
const run = async (args: readonly string[], cwd = tmpdir()) =>
  await dlo(["causes", ...args], {
    cwd,
    env: { DLO_DATABASE_URL: database.url, TEMPORAL_ADDRESS: "127.0.0.1:1", USER: "ann" },
  });

let jobs = 0;
async function die(cause = refused, buildId?: string): Promise<string> {
  const { letter } = await parkDeath(database.db, {
    ...deathOf(`job-${jobs++}`),
    diedAtMs: Date.now(),
    cause,
    error: { type: "GatewayError", message: "the gateway is down", causes: [] },
    ...(buildId === undefined ? {} : { buildId }),
  });
  return letter.id;
}

beforeAll(async () => void (database = await testDatabase()));
beforeEach(async () => {
  await database.sql`truncate dlo.dead_letters, dlo.deaths, dlo.attempts, dlo.events, dlo.causes, dlo.letter_counts, dlo.cause_counts, dlo.queue_counts, dlo.letter_deltas,
    dlo.time_counts, dlo.death_deltas, dlo.attempt_deltas, dlo.cause_builds`;
  await die();
  letterId = await die(refused, "v1");
  await die(causeNamed("no title"));
});
afterAll(async () => await database.close());

describe("looking", () => {
  test("the list says what kills most, in words and with a picture", async () => {
    const { code, stdout, stderr } = await run([]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    const lines = stdout.split("\n");
    expect(lines[0]).toMatch(/^ID\s+CAUSE\s+OPEN\s+DEATHS\s+LAST 24 HOURS\s+JOBS\s+LAST SEEN\s+STATE\s+OWNER$/);
    expect(lines[1]).toMatch(
      new RegExp(
        `^${short}\\s+connect ECONNREFUSED <host>\\s+2\\s+2\\s+[·█]{24}\\s+import-movie\\s+(now|\\d+s ago)\\s+open\\s+-$`,
      ),
    );
    expect(lines).toHaveLength(3);
  });

  test("a filter, a state and an order narrow it; programs get it whole", async () => {
    const causes = async (...args: string[]) =>
      JSON.parse((await run([...args, "-o", "json"])).stdout) as (Cause & { trend: number[] })[];
    expect((await causes()).map(({ open }) => open)).toEqual([2, 1]);
    expect(await causes("job:nobody")).toEqual([]);
    expect(await causes("error:GatewayError", `cause:${short}`)).toMatchObject([{ id: refused.id, letters: 2 }]);
    expect(await causes("--error", "Gateway*", "--not", "job:nobody", "--reason", "exhausted")).toHaveLength(2);
    expect(await causes("--cause", short, "--failed", "<4h", "error:GatewayError")).toMatchObject([{ letters: 2 }]);
    expect((await run(["--job", "nobody"])).stdout).toBe("No open cause has a letter like that.");
    expect((await causes("--order", "deaths", "--limit", "1"))[0]).toMatchObject({ deaths: 2, builds: [{}, {}] });
    expect(await causes("--state", "resolved")).toEqual([]);
    const { stdout, stderr } = await run(["--limit", "1", "--output", "jsonl"]);
    expect(stdout.split("\n")).toHaveLength(1);
    const cursor = /--after (\S+)/.exec(stderr)![1]!;
    expect((await run(["--limit", "1", "--after", cursor])).stdout).toContain("no title");
    expect((await run(["job:nobody"])).stdout).toBe("No open cause has a letter like that.");
    expect((await run(["--state", "ignored"])).stdout).toContain("No ignored causes");
    const wrong = await run(["jobb:x"]);
    expect(wrong.code).toBe(2);
    expect(wrong.stderr).toContain("job");
  });

  test("show tells all about one, and what to do next", async () => {
    await run(["note", short, "ask the gateway team"]);
    const { code, stdout } = await run(["show", short]);
    expect(code).toBe(0);
    for (const part of [
      "connect ECONNREFUSED <host> is open",
      refused.id,
      "2 open, 2 in all",
      "2 deaths",
      "import-movie",
      "not said by the worker",
      "v1",
      "ask the gateway team",
      "new cause",
      "note on the cause by",
      letterId,
      `dlo show ${letterId.slice(0, 13)}`,
      `dlo list cause:${short} status:open`,
      `dlo causes resolve ${short} --in-build <build>`,
    ])
      expect(stdout).toContain(part);
    expect(JSON.parse((await run(["show", short, "--output", "json"])).stdout)).toMatchObject({
      id: refused.id,
      events: [{ type: "cause_new" }, { type: "cause_noted" }],
    });
  });

  test("an id that finds none, or several, is an error with what to do", async () => {
    expect(await run(["show", "ffffffff"])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("dlo causes --state all"),
    });
  });
});

describe("saying what is to become of it", () => {
  const stateOf = async () =>
    JSON.parse((await run(["show", short, "-o", "json"])).stdout) as Record<string, unknown> as Record<string, string>;

  test("resolve, and a death in that build is plainly a regression", async () => {
    const resolved = await run(["resolve", short, "--in-build", "v2", "--reason", "new pool", "--by", "bob"]);
    expect(resolved).toMatchObject({ code: 0, stdout: `"${refused.title}" is resolved in build v2.` });
    expect(resolved.stderr).toContain("Target:");
    expect(await stateOf()).toMatchObject({ state: "resolved", stateBy: "bob", stateReason: "new pool" });
    expect((await run(["--state", "all"])).stdout).toContain("resolved in v2");
    expect((await run([])).stdout).not.toContain(short);
    await parkDeath(database.db, {
      ...deathOf("job-late"),
      diedAtMs: Date.now() + 5000,
      cause: refused,
      buildId: "v2",
    });
    await sequenceEvents(database.db);
    expect((await run([])).stdout).toMatch(new RegExp(`${short} .*regression`));
    const { stdout } = await run(["show", short]);
    expect(stdout).toContain("a regression: it was resolved, and killed again");
    expect(stdout).toMatch(/cause returned by office/);
  });

  test("ignore by each rule, and reopen", async () => {
    const ignored = async (...flags: string[]) => (await run(["ignore", short, ...flags])).stdout;
    expect(await ignored("--until", "2 days")).toBe(`"${refused.title}" is ignored until in 2d.`);
    expect(await ignored()).toBe(`"${refused.title}" is ignored until somebody reopens it.`);
    const asJson = async (...flags: string[]) => JSON.parse(await ignored(...flags, "-o", "json")) as object;
    expect(await asJson("--until", "2099-01-01")).toMatchObject({ ignoredUntil: "2099-01-01T00:00:00.000Z" });
    expect(await asJson("--deaths", "5")).toMatchObject({ ignoredDeaths: 5, ignoredUntil: null });
    expect(await asJson("--rate", "10/1h")).toMatchObject({ ignoredDeaths: 10, ignoredRateMs: 3_600_000 });
    expect((await run(["--state", "ignored"])).stdout).toContain("ignored below 10 in 1 hour");
    expect((await run(["reopen", short, "-o", "jsonl"])).stdout).toContain('"state":"open"');
    for (const flags of [
      ["--rate", "10"],
      ["--until", "2020-01-01"],
      ["--until", "1d", "--deaths", "3"],
    ])
      expect({ flags, code: (await run(["ignore", short, ...flags])).code }).toEqual({ flags, code: 2 });
    expect(await stateOf()).toMatchObject({ state: "open" });
  });

  test("assign and rename; a repeat by its request id does nothing", async () => {
    expect((await run(["assign", short, "ann"])).stdout).toBe(`"${refused.title}" is ann's.`);
    expect((await run(["rename", short, "The gateway is down", "--request-id", "r1"])).stdout).toBe(
      '"The gateway is down" has that title now.',
    );
    await run(["rename", short, "Something else", "--request-id", "r1"]);
    expect((await run([])).stdout).toMatch(/The gateway is down .* ann$/m);
    expect((await run(["assign", short, ""])).stdout).toContain("has no owner");
  });
});

test("regroup tells first, and moves with --apply, by the rules of the configuration", async () => {
  const folder = await folderWith({
    "office.config.ts": `
      import { defineConfig } from "dead-letter-office";
      export default defineConfig({ fingerprint: [{ name: "gateway down", match: { error: "GatewayError" } }] });`,
  });
  const config = ["--config", "office.config.ts"];
  const plan = await run(["regroup", ...config], folder);
  expect(plan).toMatchObject({
    code: 0,
    stderr: expect.stringContaining("Nothing was changed. To do it: the same with --apply"),
  });
  expect(plan.stderr).toContain("From office.config.ts: 1 rule");
  expect(plan.stdout).toMatch(
    new RegExp(
      `^Would move 2 letters and 2 deaths from ${short} "${refused.title}" to the new cause [\\da-f]{8} "gateway down"$`,
      "m",
    ),
  );
  expect((await run([])).stdout).toContain(short);
  const done = await run(["regroup", ...config, "--apply", "--reason", "one gateway", "-o", "json"], folder);
  const { moves } = JSON.parse(done.stdout) as Regrouping;
  expect(moves.map(({ letters }) => letters)).toEqual([2, 1]);
  expect((await run([])).stdout).toMatch(/gateway down\s+3\s+3 /);
  expect((await run(["regroup", ...config], folder)).stdout).toBe(
    "All 3 letters have the cause that they would get today.",
  );
  const wrong = await run(["regroup", "--config", "none.ts"], folder);
  expect(wrong).toMatchObject({ code: 2, stderr: expect.stringContaining("there is no such file") });
});
