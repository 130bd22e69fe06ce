import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { chmod, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { execa } from "execa";
import postgres from "postgres";
import { afterAll, beforeAll, expect, inject, test, vi } from "vitest";
import { resolveTemporal } from "../../stack/temporal-binary.ts";
import { bareEnvironment, command } from "../cli/dlo.ts";
import { makeRoles } from "../../setup/roles.ts";
import { testDatabase } from "../setup/postgres.ts";
import { until } from "../setup/world.ts";
import { type Block, blocksOf, folderOfBlocks, root } from "./read-docs.ts";

// The commands of docs/deploy.md as they stand there, in order; only names are put in place.

vi.setConfig({ testTimeout: 180_000, hookTimeout: 120_000 });

const document = "docs/deploy.md";
const suffix = randomBytes(4).toString("hex");
const { address, adminUrl } = inject("stack");
const admin = postgres(adminUrl, { max: 1, onnotice: () => undefined });
const running: ChildProcess[] = [];
let blocks: readonly Block[];
let folder: string;
let remove: () => Promise<void>;
let path: string;

beforeAll(async () => {
  blocks = await blocksOf(document);
  // The cluster's roles are others' as well here, so their owner is not the page's.
  await makeRoles((await testDatabase()).url);
  ({ folder, remove } = await folderOfBlocks(document));
  const temporal = await resolveTemporal({ progress: () => undefined });
  // npx would ask the registry for a package that this clone is itself.
  const npx = join(folder, "npx");
  const tsx = join(root, "node_modules", "tsx", "dist", "cli.mjs");
  await writeFile(
    npx,
    `#!/bin/sh\ncase $1 in\n  dlo) file='${command}';;\n  tsx) file='${tsx}';;\nesac\nshift\nexec '${process.execPath}' "$file" "$@"\n`,
  );
  await chmod(npx, 0o755);
  path = `${folder}:${dirname(temporal.path)}:${process.env["PATH"]}`;
});

afterAll(async () => {
  for (const child of running) await stopped(child);
  await admin.unsafe(placed("drop database if exists dlo_letters"));
  for (const role of ["office", "analyst", "ann", "owner"])
    await admin.unsafe(placed(`drop role if exists dlo_${role}`));
  await admin.end();
  await remove?.();
});

test("every shell and SQL block of the page is one of those that are run here", async () => {
  const marked = blocks.filter(({ language }) => language === "sh" || language === "sql");
  expect(marked.map(({ language, marks }) => `${language} ${marks["run"]}`)).toEqual(inOrder);
});

test("set-up: a namespace, a database with its roles, the schema and the rights", async () => {
  for (const statement of sql("database").split(";\n").filter(Boolean)) await admin.unsafe(placed(statement));
  await shell("namespace");
  const outcome = await settledShell("setup");
  expect(outcome).toContain("The database is at migration");
  expect(await shell("setup")).toContain("up to date");
  for (const statement of sql("people").split(";\n").filter(Boolean)) await admin.unsafe(placed(statement));
  await asRole("owner", async (owner) => void (await owner.unsafe(placed(sql("rights")))));
});

test("an office twice, a worker without a database, an app that only starts jobs: a letter is parked", async () => {
  for (const _ of [1, 2]) await longRunning("office", "is open");
  await longRunning("worker", "Working on charge-card");
  expect(await shell("app")).toMatch(/charge\/4711 died: dead letter [0-9a-f-]{36}/);
});

test("operators find it, mend it, and may write where they have to", async () => {
  const said = await shell("triage");
  expect(said).toMatch(/parked .*charge-card/);
  expect(said).toContain("nothing to charge for 4711");
  expect(said).toContain("Recovered: charge-card charge/4711");
  expect(said).toContain("Noted on charge-card charge/4711");
  expect(said).toContain("Nothing is amiss.");
  expect(await shell("doctor")).toContain("Postgres");
});

test("readers see no encoded bytes; nobody but the office deletes, and of what it deletes all goes", async () => {
  await asRole("analyst", async (reader) => {
    expect(await reader`select workflow_id, payload from dlo.dead_letters`).toMatchObject([
      { workflow_id: "charge/4711" },
    ]);
    expect(await reader`select n, error_type from dlo.deaths`).toHaveLength(1);
    for (const refused of [
      reader`select payload_data from dlo.dead_letters`,
      reader`select payload_data from dlo.deaths`,
      reader`select memo_data from dlo.dead_letters`,
      reader`update dlo.dead_letters set revision = 0`,
      reader`insert into dlo.events (letter_id, namespace, workflow_id, type) select id, namespace, workflow_id, 'noted' from dlo.dead_letters`,
    ])
      await expect(refused).rejects.toMatchObject({ code: "42501" });
  });
  await asRole("ann", async (operator) => {
    await expect(operator`delete from dlo.dead_letters`).rejects.toMatchObject({ code: "42501" });
  });
  await asRole("office", async (office) => {
    await expect(office`delete from dlo.deaths`).rejects.toMatchObject({ code: "42501" });
    const undone = new Error("undone");
    const pruning = office.begin(async (tx) => {
      await tx`delete from dlo.dead_letters`;
      expect(await tx`select from dlo.deaths union all select from dlo.events where letter_id is not null`).toEqual([]);
      throw undone;
    });
    await expect(pruning).rejects.toBe(undone);
  });
});

test("another namespace has an office of its own, on the same database", async () => {
  await shell("second-namespace");
  await settledShell("second-setup");
  await longRunning("second-office", "is open");
  await longRunning("second-worker", "Working on charge-card");
  await shell("second-start");
  await asRole("analyst", async (reader) => {
    await until(async () => (await reader`select from dlo.dead_letters`).length === 2);
    const rows =
      await reader`select namespace, status from dlo.dead_letters where workflow_id = 'charge/4711' order by id`;
    expect(rows).toMatchObject([
      { namespace: placed("payments"), status: "recovered" },
      { namespace: placed("refunds"), status: "parked" },
    ]);
  });
});

test("all processes end in order when they are asked to", async () => {
  for (const child of running.splice(0)) expect(await stopped(child)).toBe(0);
});

test("removal leaves nothing of ours", async () => {
  await shell("removal");
  await asRole("owner", async (owner) => {
    await owner.unsafe(sql("removal"));
    expect(await owner`select from pg_namespace where nspname = 'dlo'`).toHaveLength(0);
  });
  await until(async () => {
    const { stdout } = await temporal("workflow", "list", "--query", "ExecutionStatus = 'Running'", "-o", "json");
    return (JSON.parse(stdout) as unknown[]).length === 0;
  });
  await until(async () => !(await temporal("operator", "search-attribute", "list")).stdout.includes("DloJob"));
});

const inOrder = [
  "sh environment",
  "sh namespace",
  "sql database",
  "sh setup",
  "sql people",
  "sql rights",
  "sh office",
  "sh worker",
  "sh app",
  "sh triage",
  "sh doctor",
  "sh second-namespace",
  "sh second-setup",
  "sh second-office",
  "sh second-worker",
  "sh second-start",
  "sh removal",
  "sql removal",
];

/** The page's names, as they are here. */
function placed(text: string): string {
  const server = new URL(adminUrl).host;
  return text
    .replaceAll("temporal.example.com:7233", address)
    .replaceAll("db.example.com:5432", server)
    .replaceAll(/\bdlo_(owner|office|analyst|ann|letters)\b/g, (name) => `${name}_${suffix}`)
    .replaceAll(
      /(NAMESPACE=|--namespace |^)(payments|refunds)\b/gm,
      (_, before: string, name: string) => `${before}${name}-${suffix}`,
    );
}

function block(language: string, run: string): string {
  const found = blocks.filter((one) => one.language === language && one.marks["run"] === run);
  if (found.length !== 1) throw new Error(`${document} has ${found.length} blocks "${language} run=${run}"`);
  return found[0]!.text;
}

function sql(run: string): string {
  return block("sql", run);
}

function script(run: string): string {
  return placed(`set -eu\n${block("sh", "environment")}\n${block("sh", run)}`);
}

function environment(): NodeJS.ProcessEnv {
  return { ...bareEnvironment(), PATH: path };
}

/** Runs a block, and returns all that it said. */
async function shell(run: string): Promise<string> {
  const ended = await execa("sh", ["-c", script(run)], {
    cwd: folder,
    env: environment(),
    extendEnv: false,
    all: true,
    reject: false,
  });
  if (ended.exitCode !== 0) throw new Error(`The block ${run} ended with ${ended.exitCode}:\n${ended.all}`);
  return ended.all;
}

/** As `shell`, for what a namespace that was just made refuses for a moment. */
async function settledShell(run: string): Promise<string> {
  let said = "";
  let problem: unknown;
  const ready = until(async () => {
    try {
      said = await shell(run);
      return true;
    } catch (error) {
      problem = error;
      return false;
    }
  });
  const late = new Promise<never>((_, reject) => setTimeout(() => reject(problem as Error), 40_000).unref());
  await Promise.race([ready, late]);
  return said;
}

/** Starts a block that goes on, and waits until it says so. */
async function longRunning(run: string, sign: string): Promise<void> {
  const child = spawn("sh", ["-c", script(run).replace(/^(.*npx dlo)/m, (line) => line.replace("npx", "exec npx"))], {
    cwd: folder,
    env: environment(),
    stdio: ["ignore", "pipe", "pipe"],
  });
  running.push(child);
  let output = "";
  await new Promise<void>((resolve, reject) => {
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding("utf8").on("data", (text: string) => {
        output += text;
        if (output.includes(sign)) resolve();
      });
    child.once("exit", (code) => reject(new Error(`The block ${run} ended with ${code}:\n${output}`)));
  });
}

async function stopped(child: ChildProcess): Promise<number | null> {
  if (child.exitCode !== null) return child.exitCode;
  const ended = once(child, "exit");
  child.kill("SIGTERM");
  return (await ended)[0] as number | null;
}

async function asRole(
  role: "owner" | "office" | "analyst" | "ann",
  work: (db: postgres.Sql) => Promise<unknown>,
): Promise<void> {
  const [, password] =
    new RegExp(`role dlo_${role} login (?:createrole )?password '([^']+)'`).exec(sql("database") + sql("people")) ?? [];
  const url = new URL(adminUrl);
  url.username = placed(`dlo_${role}`);
  url.password = password!;
  url.pathname = `/${placed("dlo_letters")}`;
  const db = postgres(url.href, { max: 1, onnotice: () => undefined });
  try {
    await work(db);
  } finally {
    await db.end();
  }
}

async function temporal(...args: readonly string[]) {
  const { path: file } = await resolveTemporal({ progress: () => undefined });
  return await execa(file, [...args, "--address", address, "--namespace", placed("payments")]);
}
