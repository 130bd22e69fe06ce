import { stripVTControlCharacters } from "node:util";
import { execa } from "execa";
import { beforeAll, expect, test, vi } from "vitest";
import { parkDeath } from "../../schema/park-death.ts";
import { blocksOf } from "../docs/read-docs.ts";
import { causeNamed, deathOf } from "../schema/deaths.ts";
import { testDatabase } from "../setup/postgres.ts";
import { bareEnvironment, command, dlo } from "./dlo.ts";

vi.setConfig({ testTimeout: 60_000 });

const { db, url } = await testDatabase();
const env = { DLO_DATABASE_URL: url, TZ: "Asia/Kathmandu" };
const stats = async (...args: readonly string[]) => await dlo(["stats", ...args], { env });

beforeAll(async () => {
  for (let i = 0; i < 6; i++)
    await parkDeath(
      db,
      deathOf(`charge/${i}`, {
        job: i < 4 ? "charge-card" : "send-mail",
        category: i % 2 === 0 ? "network" : "data",
        cause: causeNamed(`cause ${i % 3}`),
        diedAtMs: Date.now() - i * 1000,
      }),
    );
});

test("the documented commands run in a pipe", async () => {
  const blocks = (await blocksOf("docs/analytics.md")).filter(({ language }) => language === "sh");
  expect(blocks.map(({ marks }) => marks["run"])).toEqual(["tiles", "by-job", "by-day", "pipe"]);
  const said: string[] = [];
  for (const { text } of blocks) {
    const args = text
      .trim()
      .match(/"[^"]*"|\S+/g)!
      .map((word) => word.replaceAll('"', ""));
    expect(args.shift()).toBe("dlo");
    const { code, stdout, stderr } = await dlo(args, { env });
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    // No colours, and nothing that moves a cursor.
    expect(stdout).not.toMatch(/\u001b/);
    said.push(stdout);
  }
  const [tiles, byJob, byDay, pipe] = said;
  expect(tiles).toMatch(/^letters +6$/m);
  expect(tiles).toMatch(/^open +6 \(6 not retried, 0 retrying\)$/m);
  expect(tiles).toMatch(/^Deaths an hour, last 24 hours\n[·▁▂▃▄▅▆▇█]{24} /m);
  expect(byJob).toMatch(/^charge-card +4 +66\.7% +4 +4 +0 +█+$/m);
  const days = byDay!.split("\n").filter((line) => /^\d{4}-\d\d-\d\d [A-Z]/.test(line));
  // Today and the 30 days before; one more soon after a midnight, where clocks were put forward meanwhile.
  expect([31, 32]).toContain(days.length);
  expect(byDay).toContain("3 deaths, Europe/Berlin");
  const rows = pipe!.split("\n").map((line) => JSON.parse(line) as { title: string; n: number });
  expect(new Map(rows.map(({ title, n }) => [title, n]))).toEqual(
    new Map([
      ["cause 0", 2],
      ["cause 1", 2],
      ["cause 2", 2],
    ]),
  );
});

test("on a terminal it has colours, and what is narrow is not broken", async () => {
  for (const columns of [44, 120]) {
    const line = `stty cols ${columns}; '${process.execPath}' '${command}' stats --by job`;
    const { exitCode, stdout } = await execa("script", ["-qec", line, "/dev/null"], {
      env: { ...bareEnvironment(), ...env, TERM: "xterm-256color" },
      extendEnv: false,
      reject: false,
      input: "",
    });
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/\u001b\[36m█/);
    const lines = stripVTControlCharacters(stdout).replaceAll("\r", "").trim().split("\n");
    expect(lines[0]).toMatch(columns < 100 ? /^JOB +DEATHS/ : /^JOB +DEATHS +SHARE +LETTERS +OPEN +RECOVERED/);
    // The last line says what was counted, and may wrap.
    for (const one of lines.slice(0, -1)) expect(one.length).toBeLessThanOrEqual(columns);
  }
});

test("programs get JSON: the whole answer, or its rows", async () => {
  const whole = JSON.parse((await stats("--output", "json")).stdout) as { total: number; timeZone: string };
  // The zone is this machine's.
  expect(whole).toMatchObject({
    total: 6,
    today: expect.any(Number),
    timeZone: expect.stringMatching(/^Asia\/Kath?mandu$/),
  });
  expect(JSON.parse((await stats("--by", "hour-of-day", "--tz", "UTC", "-o", "json")).stdout)).toMatchObject({
    by: "hour-of-day",
    timeZone: "UTC",
    total: 6,
  });
  const hours = (await stats("--by", "hour", "--since", "5 hours", "-o", "jsonl")).stdout.split("\n");
  expect(hours).toHaveLength(6);
  expect((JSON.parse(hours.at(-1)!) as { local: string }).local).toMatch(/\+05:45$/);
});

test("flags and a line narrow it alike", async () => {
  for (const args of [["--category", "network"], ["category:network"]])
    expect(JSON.parse((await stats(...args, "-o", "json")).stdout)).toMatchObject({ total: 3 });
  expect((await stats("job:none", "--by", "day")).stdout).toMatch(/^Nothing like that died/);
});

test.for([
  [["--tz", "Europe/Berln"], 'Unknown time zone "Europe/Berln". Did you mean "Europe/Berlin"?'],
  [["--by", "jobs"], "Allowed choices are job"],
  [["--since", "2026-02-30"], "since takes a time"],
  [["colour:red"], "colour"],
  [["--limit", "0", "--by", "job"], "whole number"],
] as const)("%j is refused, with exit code 2", async ([args, why]) => {
  const { code, stdout, stderr } = await stats(...args);
  expect(code).toBe(2);
  expect(stdout).toBe("");
  expect(stderr).toContain(why);
});
