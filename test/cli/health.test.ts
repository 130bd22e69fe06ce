import { randomUUID } from "node:crypto";
import { execa } from "execa";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { ownCommand } from "../../cli/own-command.ts";
import type { Category } from "../../model/category.ts";
import { openDatabase } from "../../schema/database.ts";
import { parkDeath } from "../../schema/park-death.ts";
import { causeNamed, deathOf } from "../schema/deaths.ts";
import { emptyDatabase } from "../setup/postgres.ts";
import { openWorld, type World } from "../setup/world.ts";
import { background } from "./background.ts";
import { bareEnvironment, command, configWithJob, dlo, environmentOf, folderWith } from "./dlo.ts";

// How an office is, for monitors and for whoever types `dlo` alone.

vi.setConfig({ testTimeout: 60_000 });

let world: World;
let env: Record<string, string>;

beforeAll(async () => {
  world = await openWorld();
  env = environmentOf(world);
});
afterAll(async () => await world.close());

async function park(letters: number, cause: string, otherwise: { category?: Category; diedAtMs?: number } = {}) {
  const { db, close } = openDatabase(world.databaseUrl);
  const expiresAtMs = Date.now() + 86_400_000;
  for (let n = 0; n < letters; n++)
    await parkDeath(
      db,
      deathOf(`${cause}-${randomUUID()}`, {
        namespace: world.namespace,
        cause: causeNamed(cause),
        diedAtMs: Date.now(),
        expiresAtMs,
        ...otherwise,
      }),
    );
  await close();
}

/** What a command says in a terminal of so many columns. */
async function onTerminal(args: string, environment = env, columns = 120) {
  const line = `stty cols ${columns}; '${process.execPath}' '${command}' ${args}`;
  const { exitCode, stdout } = await execa("script", ["-qec", line, "/dev/null"], {
    env: { ...bareEnvironment(), ...environment, NO_COLOR: "1", TERM: "xterm" },
    extendEnv: false,
    reject: false,
    input: "",
    cwd: "/",
  });
  return { code: exitCode, text: stdout.replaceAll("\r", "") };
}

test("dlo health: exit codes by grade and --fail-on, limits by flags and by a configuration", async () => {
  expect(await dlo(["health"], { env })).toMatchObject({
    code: 0,
    stdout: "healthy\n0 letters are open, 0 died lately and wait",
    stderr: "",
  });
  await park(9, "a title");
  const degraded = await dlo(["health"], { env });
  expect(degraded).toMatchObject({ code: 0, stderr: "" });
  expect(degraded.stdout).toContain("degraded\nwithin 1 hour 9 letters died and wait: degraded from 1\n");
  expect((await dlo(["health", "--fail-on", "degraded"], { env })).code).toBe(1);
  expect((await dlo(["health", "--unhealthy", "9"], { env })).code).toBe(1);
  expect((await dlo(["health", "--degraded", "10", "--fail-on", "degraded"], { env })).code).toBe(0);
  expect((await dlo(["health", "--namespace", "another", "--fail-on", "degraded"], { env })).code).toBe(0);

  await park(1, "a title");
  const unhealthy = await dlo(["health", "-o", "json"], { env });
  expect(unhealthy.code).toBe(1);
  expect(JSON.parse(unhealthy.stdout)).toMatchObject({
    status: "unhealthy",
    deadLetters: 10,
    open: 10,
    reasons: ["within 1 hour 10 letters died and wait: unhealthy from 10"],
    timestamp: expect.stringMatching(/^\d{4}-.*Z$/) as string,
  });

  const cwd = await folderWith({ "office.config.mjs": "export default { health: { degraded: 11, unhealthy: 20 } };" });
  const config = ["health", "--config", "office.config.mjs", "--fail-on", "degraded"];
  expect((await dlo(config, { env, cwd })).code).toBe(0);
  expect((await dlo([...config, "--degraded", "10"], { env, cwd })).code).toBe(1);
});

test("dlo health: what cannot be meant is 2, what cannot be asked is 1", async () => {
  expect((await dlo(["health", "--window", "60"], { env })).code).toBe(2);
  expect((await dlo(["health", "--degraded", "5", "--unhealthy", "4"], { env })).code).toBe(2);
  const { DLO_DATABASE_URL: _, ...without } = env;
  expect((await dlo(["health"], { env: without })).code).toBe(2);
  const away = await dlo(["health"], { env: { ...env, DLO_DATABASE_URL: "postgres://a@127.0.0.1:1/a" } });
  expect(away.code).toBe(1);
  expect(away.stderr).toContain("Postgres cannot be reached");
});

test("the client grades its own namespace, or the one that it is told", async () => {
  expect(await world.dlo.health()).toMatchObject({ status: "unhealthy", deadLetters: 10 });
  expect(await world.dlo.health({ unhealthy: 11, window: "5 minutes" })).toMatchObject({ status: "degraded" });
  expect(await world.dlo.health({ namespace: "another" })).toMatchObject({ status: "healthy", open: 0 });
  await expect(world.dlo.health({ windows: 1 } as never)).rejects.toMatchObject({
    code: "USAGE",
    message: expect.stringContaining('Did you mean "window"?') as string,
  });
});

test("dlo alone, on a terminal: open by cause, the oldest, and where to go on", async () => {
  await park(3, "the gateway is down", { category: "network", diedAtMs: Date.now() - 3 * 86_400_000 });
  const { code, text } = await onTerminal("");
  expect(code).toBe(0);
  expect(text).toContain(
    `13 dead letters are open in namespace ${world.namespace}, of 2 causes. The oldest died 3 days ago.`,
  );
  const lines = text.split("\n");
  const at = (words: string) => lines.findIndex((line) => line.includes(words));
  expect(at("a title")).toBeGreaterThan(0);
  expect(at("the gateway is down")).toBe(at("a title") + 1);
  const [, cause] = /dlo causes show (\S+)/.exec(text)!;
  const [, letter] = /dlo show (\S+)/.exec(text)!;
  expect((await dlo(["causes", "show", cause!], { env })).stdout).toContain("a title");
  expect((await dlo(["show", letter!], { env })).stdout).toContain("import-movie");
  expect(text).toContain(`${ownCommand} retry ${letter}`);
  expect(text).toContain(`${ownCommand} list --status parked`);
  expect(text).toContain(`For all commands: ${ownCommand} --help`);
  expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(120);
});

test("dlo alone, on a terminal: nothing open, no answer, no database", async () => {
  const empty = await onTerminal("", { ...env, TEMPORAL_NAMESPACE: "another" });
  expect(empty).toMatchObject({ code: 0 });
  expect(empty.text).toContain("No dead letters are open in namespace another.");

  const unmigrated = await onTerminal("", { ...env, DLO_DATABASE_URL: await emptyDatabase() });
  expect(unmigrated.code).toBe(1);
  expect(unmigrated.text).toContain("To create it: dlo setup");

  const { DLO_DATABASE_URL: _, ...without } = env;
  const help = await onTerminal("", without);
  expect(help.code).toBe(2);
  expect(help.text).toContain("Usage: dlo [options] [command]");
});

test("dlo alone in a pipe is the help, as ever", async () => {
  const piped = await dlo([], { env });
  expect(piped).toMatchObject({ code: 2, stdout: "" });
  expect(piped.stderr).toContain("Usage: dlo [options] [command]");
});

test("a run ends with how many letters are open, where a database is known, well or not, and never on stdout", async () => {
  const cwd = await folderWith({ "dlo.config.mjs": configWithJob });
  const worker = background(["worker"], { cwd, env });
  await worker.says("Working on ship-order");
  const office = await world.office();
  const start = ["start", "ship-order", "--wait", "--input"];
  const well = await dlo([...start, '{"order":1}', "-o", "json"], { cwd, env });
  expect(well.code).toBe(0);
  expect(JSON.parse(well.stdout)).toMatchObject({ result: { shipped: 1 } });
  expect(well.stderr.split("\n").at(-1)).toBe(`13 dead letters are open (2 causes). To look: ${ownCommand}`);
  const dead = await dlo([...start, '{"order":-1}'], { cwd, env });
  expect(dead).toMatchObject({ code: 1, stdout: "" });
  expect(dead.stderr).toMatch(/Error: .*died: dead letter [^]*\n14 dead letters are open \(3 causes\)/);

  const { DLO_DATABASE_URL: _, ...temporalOnly } = env;
  const silent = await dlo([...start, '{"order":2}'], { cwd, env: temporalOnly });
  expect(silent.stdout).toContain('"shipped": 2');
  expect(silent.stderr).not.toContain("dead letter");
  const unreachable = { ...temporalOnly, DLO_DATABASE_URL: "postgres://a@127.0.0.1:1/a" };
  const away = await dlo([...start, '{"order":3}'], { cwd, env: unreachable });
  expect(away.code).toBe(0);
  expect(away.stderr).not.toContain("Error");
  // What has not ended is no run to tell of.
  expect((await dlo(["start", "ship-order", "--input", '{"order":4}'], { cwd, env })).stderr).not.toContain("are open");

  expect(await worker.stop("SIGTERM")).toBe(0);
  expect(worker.said()).toMatch(/Stopped\.\n14 dead letters are open \(3 causes\)\. To look: [^\n]+\n$/);
  await office.stop();
});
