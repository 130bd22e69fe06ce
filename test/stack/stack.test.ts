import { once } from "node:events";
import { mkdtemp, realpath, rm, stat, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test as base } from "vitest";
import { findProcesses } from "../../stack/find-processes.ts";
import { freePort } from "../../stack/ports.ts";
import { isRunning } from "../../stack/process-mark.ts";
import { startPostgres } from "../../stack/postgres-server.ts";
import { resolvePostgres } from "../../stack/postgres-binary.ts";
import { readStackInfo } from "../../stack/stack-info.ts";
import type { StackInfo } from "../../stack/stack-info.ts";
import { StackRunningError, startStack } from "../../stack/stack.ts";
import type { RunningStack, StackOptions } from "../../stack/stack.ts";
import { findTraces, leaveTraces, withClient, withSql } from "./ask.ts";
import { temporaryFolder } from "./temporary-folder.ts";

/** One stack for the tests that only look at it. */
// oxlint-disable-next-line no-empty-pattern -- vitest reads from the pattern which other fixtures it needs: none
const test = base.extend("shared", { scope: "file" }, async ({}, { onCleanup }) => {
  const folder = await realpath(await mkdtemp(join(tmpdir(), "dlo-stack-")));
  const lines: string[] = [];
  const temporalPort = await freePort(0);
  const stack = await startStack({ ...anyPorts, folder, temporalPort, progress: (line) => lines.push(line) });
  onCleanup(async () => {
    await stack.stop();
    await rm(folder, { recursive: true });
  });
  return { folder, info: stack.info, temporalPort, lines };
});

const anyPorts = { temporalPort: 0, uiPort: 0, postgresPort: 0 };

async function start(folder: string, options: StackOptions = anyPorts): Promise<RunningStack> {
  const stack = await startStack({ folder, ...options });
  onTestFinished(() => stack.stop());
  return stack;
}

test("a stack that is stopped and started again, on other ports, finds what was in it", async () => {
  const folder = join(await temporaryFolder(), ".dlo");
  const options = { ...anyPorts, namespaces: ["orders"], searchAttributes: { Shelf: "Keyword" } } as const;
  const first = await start(folder, options);
  await expectShelves(first.info);
  await leaveTraces(first.info, "before");
  await first.stop();
  expect(readStackInfo(folder)).toBeUndefined();
  expect([first.info.temporal.pid, first.info.postgres.pid].filter((pid) => isRunning(pid))).toEqual([]);

  const second = await start(folder, options);
  await expectShelves(second.info);
  await leaveTraces(second.info, "after");
  expect(await findTraces(second.info)).toEqual({ rows: ["after", "before"], workflows: ["after", "before"] });
});

test("stack.json says where everything is, to its owner alone", async ({ shared: { folder, info } }) => {
  expect(readStackInfo(folder)).toEqual(info);
  expect(info).toMatchObject({ version: 1, pid: process.pid, temporal: { namespace: "default" } });
  expect((await stat(join(folder, "stack.json"))).mode & 0o077).toBe(0);
  const page = await fetch(info.temporal.ui);
  expect(await page.text()).toContain("<html");
  const [server] = await withSql(
    info,
    (sql) => sql`select current_database() as database, current_setting('server_version_num')::int as version`,
  );
  expect(server).toMatchObject({ database: "dlo" });
  expect(server?.["version"]).toBeGreaterThan(180_000);
});

test("the database is closed to whoever does not know its password", async ({ shared: { info } }) => {
  const url = new URL(info.postgres.url);
  url.password = "postgres";
  const guess = { ...info, postgres: { ...info.postgres, url: url.href } };
  await expect(withSql(guess, (sql) => sql`select 1`)).rejects.toMatchObject({ code: "28P01" });
});

test("a wanted port that is free is the one that is used, without a word", async ({
  shared: { info, temporalPort, lines },
}) => {
  expect(info.temporal.address).toBe(`127.0.0.1:${temporalPort}`);
  expect(lines.filter((line) => line.includes("Port"))).toEqual([]);
});

test("a second start on a folder in use is refused and says what runs", async ({ shared: { folder, info } }) => {
  const refusal = await startStack({ folder, ...anyPorts }).catch((error: unknown) => error);
  expect(refusal).toBeInstanceOf(StackRunningError);
  expect((refusal as StackRunningError).info).toEqual(info);
  expect((refusal as StackRunningError).message).toContain(info.temporal.address);
  // The password stays out of messages.
  expect((refusal as StackRunningError).message).not.toContain(new URL(info.postgres.url).password);
  // The refused start has not touched what runs.
  await leaveTraces(info, "still here");
});

test("busy ports are passed over for the next free ones, aloud", async () => {
  const lines: string[] = [];
  const [temporalPort, uiPort, postgresPort] = [await busyPort(), await busyPort(), await busyPort()];
  const { info } = await start(await temporaryFolder(), {
    temporalPort,
    uiPort,
    postgresPort,
    progress: (line) => lines.push(line),
  });
  const chosen = [info.temporal.address, new URL(info.temporal.ui).host, new URL(info.postgres.url).host].map((host) =>
    Number(host.split(":")[1]),
  );
  const wanted = [temporalPort, uiPort, postgresPort];
  for (const [index, port] of chosen.entries()) {
    expect(port).toBeGreaterThan(wanted[index] as number);
    expect(lines).toContainEqual(expect.stringMatching(new RegExp(`Port ${wanted[index]} is taken: .* on ${port}`)));
  }
});

test("a server that ends by itself is reported, and the rest can be stopped, twice at once and again", async () => {
  const stack = await start(await temporaryFolder());
  process.kill(stack.info.postgres.pid, "SIGINT");
  const failure = await stack.failed;
  expect(failure.message).toMatch(/^Postgres ended by itself \(exit code 0\)/);
  await Promise.all([stack.stop(), stack.stop()]);
  await stack.stop();
  expect(isRunning(stack.info.temporal.pid)).toBe(false);
});

test("Postgres alone can be stopped and come back on its port", async () => {
  const folder = await temporaryFolder();
  const binaries = await resolvePostgres({ progress: () => undefined });
  const options = {
    binaries,
    folder,
    database: "outage",
    progress: () => undefined,
    signal: new AbortController().signal,
  };
  const first = await startPostgres({ ...options, port: 0 });
  await first.stop();
  const second = await startPostgres({ ...options, port: Number(new URL(first.url).port) });
  onTestFinished(() => second.stop());
  expect(second.url).toBe(first.url);
});

test("an aborted start leaves nothing running and the folder free", async () => {
  const folder = await temporaryFolder();
  const controller = new AbortController();
  const reason = new Error("Ctrl-C");
  const progress = (line: string): void => {
    if (line.includes("new database folder")) controller.abort(reason);
  };
  await expect(startStack({ folder, ...anyPorts, progress, signal: controller.signal })).rejects.toBe(reason);
  expect(serversOn(folder)).toEqual([]);
  await start(folder);
  expect(serversOn(folder)).toHaveLength(2);
});

test("if one server cannot start, the other is stopped, and the reason is told", async () => {
  const folder = await temporaryFolder();
  await (await start(folder)).stop();
  await writeFile(join(folder, "postgres", "PG_VERSION"), "17\n");
  await expect(startStack({ folder, ...anyPorts })).rejects.toThrow(
    /was made by Postgres 17, and this release brings Postgres 18/,
  );
  expect(serversOn(folder)).toEqual([]);

  await writeFile(join(folder, "postgres", "PG_VERSION"), "18\n");
  // Without its log too: SQLite may bring all pages back from the log, and then Temporal starts.
  for (const log of ["temporal.db-wal", "temporal.db-shm"]) await rm(join(folder, log), { force: true });
  await writeFile(join(folder, "temporal.db"), "not a database, and longer than a page header of sixteen bytes");
  await expect(startStack({ folder, ...anyPorts })).rejects.toThrow(
    /^Temporal ended while it started \(exit code 1\): .*temporal\.log/s,
  );
  expect(serversOn(folder)).toEqual([]);
});

/** The namespaces and search attributes asked for at the start are there from the first moment. */
async function expectShelves(info: StackInfo): Promise<void> {
  for (const namespace of ["default", "orders"]) {
    const { customAttributes } = await withClient(info, (client) =>
      client.connection.operatorService.listSearchAttributes({ namespace }),
    );
    expect(Object.keys(customAttributes)).toContain("Shelf");
  }
}

function serversOn(folder: string): number[] {
  return [
    ...findProcesses(["--db-filename", join(folder, "temporal.db")]),
    ...findProcesses(["-D", join(folder, "postgres")]),
    ...findProcesses(["--pgdata", join(folder, "postgres")]),
  ];
}

async function busyPort(): Promise<number> {
  const server = createServer().listen(await freePort(0), "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => void server.close());
  return (server.address() as { port: number }).port;
}
