import { spawn } from "node:child_process";
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from "vitest";
import { openDatabase, type OpenDatabase } from "../../schema/database.ts";
import { bareEnvironment, command, dlo, environmentOf } from "../cli/dlo.ts";
import { openWorld, type World } from "../setup/world.ts";
import { closedLetters, contents } from "./closed-letters.ts";

// dlo prune, off a terminal: what it shows, what it refuses, how it ends.

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

let world: World;
let database: OpenDatabase;
let env: Record<string, string>;

beforeAll(async () => {
  world = await openWorld();
  env = environmentOf(world);
  database = openDatabase(world.databaseUrl, { connections: 2 });
  await world.office();
});
afterAll(async () => {
  await database?.close();
  await world?.close();
});

const prune = async (...args: string[]) => await dlo(["prune", ...args], { env });

test("nothing to prune is said, and is no failure", async () => {
  expect(await prune()).toMatchObject({
    ...{ code: 0, stdout: "" },
    stderr: expect.stringContaining("No closed letters are past their keep time. Nothing was changed.") as string,
  });
  expect(await prune("--yes")).toMatchObject({
    ...{ code: 0, stdout: "No closed letters had to go, so nothing was deleted.\nRemaining: 0 open, 0 closed." },
  });
  const dry = await prune("job:none", "--older-than", "3d", "--dry-run");
  expect(dry).toMatchObject({ code: 0, stdout: "No closed letters like that were closed so long ago." });
});

test("it shows what would go, and goes ahead with --yes alone where nobody can be asked", async () => {
  const ids = await closedLetters({ db: database.db, sql: world.sql }, world.namespace, 40, 51);
  const before = await contents(world.sql);
  const dry = await prune("--dry-run");
  expect(dry).toMatchObject({ code: 0 });
  expect(dry.stdout).toContain("40 letters would be deleted, closed at ");
  expect(dry.stdout).toMatch(/JOB +STATUS +LETTERS/);
  expect(dry.stdout).toContain("and 20 more");
  expect(dry.stderr).toContain("Nothing was changed. To do it: the same without --dry-run");
  const asked = await prune();
  expect(asked).toMatchObject({ code: 2, stdout: "" });
  expect(asked.stderr).toContain("40 letters would be deleted");
  expect(asked.stderr).toContain(
    "It would delete 40 letters for good, and nobody can be asked here. To go ahead: --yes",
  );
  const json = await prune("--dry-run", "--output", "json");
  expect(JSON.parse(json.stdout)).toMatchObject({ letters: 40, asOf: expect.stringMatching(/^\d{4}-.*Z$/) as string });
  expect(await contents(world.sql)).toBe(before);

  const one = await prune(
    "job:import-movie",
    "--yes",
    "--batch",
    "3",
    "--reason",
    "space",
    "--by",
    "ann",
    "-o",
    "json",
  );
  const pruned = JSON.parse(one.stdout) as { id: string; letters: number; remaining: { closed: number } };
  expect(pruned.letters).toBeGreaterThan(0);
  expect(pruned.letters + pruned.remaining.closed).toBe(ids.length);
  expect(await world.sql`select * from dlo.prunes where id = ${pruned.id}`).toMatchObject([
    { by: "ann", reason: "space", rule: { filter: "job:import-movie" }, letters: pruned.letters },
  ]);
  const rest = await prune("--yes");
  expect(rest).toMatchObject({ code: 0 });
  expect(rest.stdout).toMatch(/^Deleted \d+ letters, closed at .*\.\nRemaining: 0 open, 0 closed\.$/);
  expect(await world.sql`select from dlo.dead_letters where namespace = ${world.namespace}`).toHaveLength(0);
});

test.each([
  ["n", "Nothing was changed.", 30],
  ["y", "Deleted 30 letters", 0],
] as const)("on a terminal it asks, and %s means it", async (answer, says, left) => {
  await world.sql`delete from dlo.dead_letters`;
  await closedLetters({ db: database.db, sql: world.sql }, world.namespace, 30, answer === "n" ? 52 : 53);
  const line = `stty cols 120; '${process.execPath}' '${command}' prune`;
  const child = spawn("script", ["-qec", line, "/dev/null"], {
    env: { ...bareEnvironment(), ...env, NO_COLOR: "1", TERM: "xterm" },
    stdio: ["pipe", "pipe", "inherit"],
  });
  onTestFinished(() => void child.kill());
  let said = "";
  for await (const chunk of child.stdout.setEncoding("utf8") as AsyncIterable<string>) {
    said += chunk;
    if (/Delete 30 letters for good\?[^]*No/.test(said) && !child.stdin.writableEnded) child.stdin.end(answer);
  }
  expect(said).toContain("30 letters would be deleted");
  expect(said).toContain(says);
  expect(await world.sql`select from dlo.dead_letters where namespace = ${world.namespace}`).toHaveLength(left);
});

test.each([
  [["--older-than", "0d"], "it must be longer than nothing"],
  [["--older-than", "30"], "the unit is missing"],
  [["--older-than=-5d"], "cannot be negative"],
  [["--older-than", "soon"], "It takes a duration"],
  [["--older-than", "30ms"], "at least 1 minute"],
  [["status:open"], "asks for open ones: parked, retrying"],
  [["--status", "parked"], "asks for open ones: parked"],
  [[""], "An empty filter would mean all closed letters"],
  [["--batch", "501"], "from 1 to 500"],
  [["--batch", "0"], "from 1 to 500"],
  [["--dry-rum"], "--dry-run"],
])("what cannot be meant is refused with 2, also with --yes: %j", async (args, why) => {
  const { code, stdout, stderr } = await prune(...args, "--yes");
  expect(stderr).toContain(why);
  expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
});
