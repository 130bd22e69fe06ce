import { tmpdir } from "node:os";
import { Connection } from "@temporalio/client";
import { afterAll, beforeAll, expect, test } from "vitest";
import { emptyDatabase } from "../setup/postgres.ts";
import { openWorld, until, type World } from "../setup/world.ts";
import { background } from "./background.ts";
import { configWithJob, dlo, environmentOf, folderWith } from "./dlo.ts";

let world: World;

beforeAll(async () => {
  world = await openWorld();
});
afterAll(async () => await world.close());

test("an office and a worker as processes of their own, and a doctor who finds them well", async () => {
  const env = environmentOf(world);
  const { DLO_DATABASE_URL: _, ...temporalOnly } = env;
  const cwd = await folderWith({ "dlo.config.mjs": configWithJob });
  const before = await dlo(["doctor", "-o", "json"], { cwd, env });
  expect(before.code).toBe(1);
  const { checks } = JSON.parse(before.stdout) as { checks: { what: string; ok: boolean; mend?: string }[] };
  expect(checks.filter(({ ok }) => !ok)).toMatchObject([
    { what: "office dead-letter-office", mend: expect.stringContaining("dlo office") as string },
    { what: "office on task queue dead-letter-office", mend: "dlo office" },
    { what: "worker on task queue jobs", mend: "dlo worker" },
  ]);

  const office = background(["office"], { cwd: tmpdir(), env });
  await office.says('The office "dead-letter-office" is open');
  const worker = background(["worker"], { cwd, env: temporalOnly });
  await worker.says("Working on ship-order");
  expect(
    (await dlo(["start", "ship-order", "--input", '{"order":1}', "--wait"], { cwd, env: temporalOnly })).stdout,
  ).toContain('"shipped": 1');
  const dead = await dlo(["start", "ship-order", "--input", '{"order":-5}', "--wait"], { cwd, env: temporalOnly });
  expect(dead.code).toBe(1);
  expect((await dlo(["list", "--key", "-5"], { env })).stdout).toContain("RangeError");

  const well = await dlo(["doctor"], { cwd, env: { ...env, DLO_RETENTION: "10 days" } });
  expect(well).toMatchObject({ code: 0, stderr: "" });
  expect(well.stdout).toContain("All is well.");
  expect(well.stdout).toMatch(/DLO_RETENTION +10 days +environment/);
  expect(well.stdout).toMatch(/DLO_MAXIMUM_ATTEMPTS +5 +built-in default/);
  expect(well.stdout).toMatch(/database +postgres:\S+ +DLO_DATABASE_URL/);

  expect(await worker.stop("SIGTERM")).toBe(0);
  expect(await office.stop("SIGINT")).toBe(0);
  expect(worker.said()).toContain("Stopped.");
});

test("the doctor says which variable means nothing, and that a database is missing", async () => {
  const { DLO_DATABASE_URL: _, ...env } = environmentOf(world);
  const { code, stdout } = await dlo(["doctor"], { env: { ...env, DLO_KEEP_FOR: "3 months" } });
  expect(code).toBe(1);
  expect(stdout).toContain("DLO_KEEP_FOR");
  expect(stdout).toContain('say "90 days"');
  expect(stdout).toContain("no database is given");
});

test("setup prepares a database and a namespace, and may be run again", async () => {
  const namespace = `bare-${world.namespace}`;
  const connection = await Connection.connect({ address: world.address });
  await connection.workflowService.registerNamespace({
    namespace,
    workflowExecutionRetentionPeriod: { seconds: 86_400 as never },
  });
  await until(async () => {
    await connection.operatorService.listSearchAttributes({ namespace });
    return true;
  });
  await connection.close();
  const env = { ...environmentOf(world), DLO_DATABASE_URL: await emptyDatabase(), TEMPORAL_NAMESPACE: namespace };

  expect((await dlo(["list"], { env })).stderr).toContain("dlo setup");
  const first = await dlo(["setup", "-o", "json"], { env });
  expect(first.code).toBe(0);
  expect(first.stderr).toContain(`Target: ${world.address}, namespace ${namespace}`);
  const { applied, searchAttributes } = JSON.parse(first.stdout) as {
    applied: string[];
    searchAttributes: { registered: string[] };
  };
  expect(applied[0]).toBe("0000_letters");
  expect(searchAttributes.registered).toContain("DloStatus");
  await expect
    .poll(async () => (await dlo(["setup"], { env })).stdout, { timeout: 30_000 })
    .toContain("The namespace has all search attributes.");
  expect((await dlo(["setup"], { env })).stdout).toContain("The database is up to date");
  expect((await dlo(["list"], { env })).stdout).toContain("No dead letters.");
});

test("setup on a namespace that does not exist says how to make it", async () => {
  const { code, stderr } = await dlo(["setup", "--namespace", "nowhere"], { env: environmentOf(world) });
  expect(code).toBe(2);
  expect(stderr).toContain("temporal operator namespace create --namespace nowhere");
});

test("a job that no configuration names is started by its type, with a notice", async () => {
  const env = environmentOf(world);
  const args = [
    "start",
    "some-type",
    "--input",
    "[1]",
    "--task-queue",
    "others",
    "--id",
    "some-1",
    "--header",
    "tenant=acme",
    "--batch",
    "b1",
    "-o",
    "json",
  ];
  const { code, stdout, stderr } = await dlo(args, { env });
  expect(code).toBe(0);
  expect(stderr).toContain('No configuration here names some-type on task queue "others"');
  expect(JSON.parse(stdout)).toMatchObject({ workflowId: "some-1", runId: expect.any(String) as string });
  const run = await world.dlo.temporal.workflow.getHandle("some-1").describe();
  expect(run).toMatchObject({
    type: "some-type",
    taskQueue: "others",
    memo: { dlo: { headers: { tenant: "acme" }, batch: "b1" } },
  });
  const again = await dlo(args, { env });
  expect(again.code).toBe(1);
  expect(again.stderr).toContain('A run of "some-1" is under way');
});

test("start checks the input against the job's schema, and the name against the jobs there are", async () => {
  const cwd = await folderWith({ "dlo.config.mjs": configWithJob });
  const env = environmentOf(world);
  const invalid = await dlo(["start", "ship-order", "--input", '{"order":"x"}', "--id", "never"], { cwd, env });
  expect(invalid).toMatchObject({ code: 2, stdout: "" });
  expect(invalid.stderr).toContain("order: must be a number");
  const unknown = await dlo(["start", "ship-ordr"], { cwd, env });
  expect(unknown).toMatchObject({ code: 2, stdout: "" });
  expect(unknown.stderr).toContain('Did you mean "ship-order"?');
});
