import { existsSync } from "node:fs";
import { join } from "node:path";
import { expect, test, vi } from "vitest";
import { readStackInfo } from "../../stack/stack-info.ts";
import { openWorld } from "../setup/world.ts";
import { background } from "./background.ts";
import { configWithJob, dlo, folderWith } from "./dlo.ts";

const anyPorts = ["--temporal-port", "0", "--ui-port", "0", "--postgres-port", "0"];

// Each starts its own servers, some of them twice.
vi.setConfig({ testTimeout: 180_000 });

// What the shell holds leads elsewhere, and is not followed.
const elsewhere = {
  TEMPORAL_ADDRESS: "127.0.0.1:1",
  TEMPORAL_TLS: "true",
  TEMPORAL_NAMESPACE: "production",
  DLO_DATABASE_URL: "postgres://127.0.0.1:1/production",
};

test("dlo dev runs everything, says what dies, stops whole, and finds its letters again", async () => {
  const cwd = await folderWith({
    "dlo.config.mjs": `${configWithJob.replace("defineConfig({ jobs })", "defineConfig({ jobs, dev: [({ say, folder }) => { say(`own start in ${folder}`); return async () => say('own stop'); }] })")}`,
  });
  const dev = background(["dev", ...anyPorts], { cwd, env: elsewhere });
  await dev.says("Letters");
  expect(dev.said()).toContain("own start in .dlo");
  expect(dev.said()).toContain("ship-order (dlo.config.mjs)");
  const info = readStackInfo(join(cwd, ".dlo"))!;
  expect(dev.said()).toContain(info.temporal.address);
  expect(dev.said()).not.toContain(new URL(info.postgres.url).password);

  const fine = await dlo(["start", "ship-order", "--input", '{"order":7}', "--wait"], { cwd });
  expect(fine).toMatchObject({ code: 0, stdout: expect.stringContaining('"shipped": 7') as string });
  expect(fine.stderr).toContain(`Target: ${info.temporal.address}, namespace default (from the stack that runs here)`);
  const dead = await dlo(["start", "ship-order", "--input", '{"order":-1}', "--id", "order-1", "--wait"], { cwd });
  expect(dead.code).toBe(1);
  expect(dead.stderr).toContain("order-1 died: dead letter");
  await dev.says("RangeError: no such order");
  expect((await dlo(["doctor"], { cwd })).stdout).toContain("All is well.");

  const second = await dlo(["dev", ...anyPorts], { cwd });
  expect(second.code).toBe(1);
  expect(second.stderr).toContain(`Temporal at ${info.temporal.address}`);

  expect(await dev.stop("SIGINT")).toBe(0);
  expect(dev.said()).toMatch(/own stop\n[^]*Stopped\.\n1 dead letter is open \(1 cause\)\. To look: [^\n]+\n$/);
  expect(existsSync(join(cwd, ".dlo", "stack.json"))).toBe(false);

  const again = background(["dev", ...anyPorts], { cwd });
  await again.says("1 parked");
  expect((await dlo(["list"], { cwd })).stdout).toContain("no such order");
  expect(await again.stop("SIGTERM")).toBe(0);
});

test("without a configuration dlo dev runs the stack and the office alone, and says so", async () => {
  const cwd = await folderWith({});
  const dev = background(["dev", "--folder", "state", ...anyPorts], { cwd });
  await dev.says("no dlo.config.ts in this folder, so no worker runs");
  expect(existsSync(join(cwd, "state", "stack.json"))).toBe(true);
  expect(await dev.stop("SIGINT")).toBe(0);
});

test("DLO_DEV_TEMPORAL_ADDRESS and DLO_DEV_DATABASE_URL bring servers of one's own, and none are started", async () => {
  await using world = await openWorld();
  const cwd = await folderWith({ "dlo.config.mjs": configWithJob });
  const env = {
    DLO_DEV_TEMPORAL_ADDRESS: world.address,
    DLO_DEV_DATABASE_URL: world.databaseUrl,
    TEMPORAL_NAMESPACE: world.namespace,
  };
  const dev = background(["dev", ...anyPorts], { cwd, env });
  const run = await world.dlo.temporal.workflow.start("ship-order", {
    ...{ taskQueue: "jobs", workflowId: "order-1", args: [{ order: -1 }] },
  });
  await run.result().catch(() => undefined);
  expect(await world.dlo.letters.get("order-1")).toMatchObject({ status: "parked", errorType: "RangeError" });
  expect(existsSync(join(cwd, ".dlo", "stack.json"))).toBe(false);
  expect(await dev.stop("SIGTERM")).toBe(0);
});

test("Ctrl-C while it starts stops what was started", async () => {
  const cwd = await folderWith({});
  const dev = background(["dev", ...anyPorts], { cwd });
  await dev.says("Postgres: making a new database folder.");
  expect(await dev.stop("SIGINT")).toBe(0);
  expect(dev.said()).toContain("Stopped.");
  expect(existsSync(join(cwd, ".dlo", "stack.json"))).toBe(false);
});

test("a configuration that does not load ends it, and what was started is stopped", async () => {
  const cwd = await folderWith({ "dlo.config.mjs": "throw new Error('no licence');" });
  const { code, stderr } = await dlo(["dev", ...anyPorts], { cwd });
  expect(code).toBe(2);
  expect(stderr).toContain("dlo.config.mjs: it cannot be loaded: no licence");
  expect(existsSync(join(cwd, ".dlo", "stack.json"))).toBe(false);
});
