import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, onTestFailed, onTestFinished, test } from "vitest";
import { judge } from "../../examples/movies/good-movie.ts";
import { loadRecords, recordId, type RawMovie } from "../../examples/movies/records.ts";
import { until } from "../setup/world.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "movies-"));
const records = loadRecords().slice(0, 200);
let kept = false;
let first: string;

beforeAll(async () => {
  first = await start();
}, 300_000);

afterAll(() => {
  if (kept) console.error(`The state of the failed run is kept in ${folder}`);
  else rmSync(folder, { recursive: true });
});

test("the first run parks the 13 bad records, recovers what the network killed, and finds all good ones stored", () => {
  keepEvidence();
  expect(first).toContain("Midway the catalogue goes down");
  expect(first).toMatch(/The catalogue is back after \d+\.\d s/);

  const dead = sum(first, /^ +(\d+) +(?:network|data) +\w+: /gm);
  const [, retried = "", recovered = "", badAfterAll = "0"] =
    /The retry of (\d+) letters? that died of the network[^]*\n {2}\1 of \1 · (\d+) recovered(?: · (\d+) died again)?/.exec(
      first,
    ) ?? [];
  expect(Number(recovered)).toBeGreaterThan(0);
  expect(Number(retried)).toBe(Number(recovered) + Number(badAfterAll));
  expect(dead).toBe(13 + Number(recovered));
  expect(first).toMatch(/network +TypeError: fetch failed \(.*(?:ECONNREFUSED|ECONNRESET|UND_ERR_SOCKET)/);
  expect(first).toContain("data     BadRecord: Title must be text");
  expect(first).toContain("✓ 187 good records stored, each exactly once and as it is");
  expect(first).toContain("• 13 bad records not stored: parked, for a person to mend");
});

test("the catalogue's own journal has every good record once, and nothing else", () => {
  keepEvidence();
  const good = records.flatMap((movie, index) => ("movie" in judge(movie) ? [{ key: recordId(index), movie }] : []));
  expect(journal().toSorted((a, b) => a.key.localeCompare(b.key))).toEqual(
    good.map((it) => ({ ...it, entry: "movie" })),
  );
});

test("a second run skips all of it and stays up; a record that is mended meanwhile is in the catalogue for the third", async () => {
  keepEvidence();
  const before = journal();
  const second = startUntilStopped();
  const shown = await second.shows("All of it runs until Ctrl-C");
  expect(shown).toContain("187 records are in the catalogue already: skipped.");
  expect(shown).toContain("13 records have open letters: skipped.");
  expect(shown).toContain("Nothing is left to import.");
  expect(shown).not.toContain("The retry of");
  expect(sum(shown, /^ +(\d+) +data +BadRecord: /gm)).toBe(13);
  expect(shown).toContain("✓ 187 good records stored, each exactly once and as it is");
  expect(shown).toContain('Read the story of "Duel in the Sun", which came out in 1946');
  expect(journal()).toEqual(before);

  // As it is printed, but for `npx`.
  const [, address = "", databaseUrl = ""] = /TEMPORAL_ADDRESS=(\S+) DLO_DATABASE_URL='(.*)'/.exec(shown) ?? [];
  const [, letter = "", mended = ""] = /npx dlo retry (\S+) --input @(.+)$/m.exec(shown) ?? [];
  const retried = await promisify(execFile)(
    process.execPath,
    ["dist/cli/main.js", "retry", letter, "--input", `@${mended}`, "--wait"],
    { cwd: root, env: { ...process.env, TEMPORAL_ADDRESS: address, DLO_DATABASE_URL: databaseUrl } },
  );
  expect(retried.stdout).toMatch(/recovered/i);
  expect(await second.interrupt()).toBe(0);

  const third = await start();
  expect(third).toContain("188 records are in the catalogue already: skipped.");
  expect(third).toContain("✓ 187 good records stored, each exactly once and as it is");
  expect(third).toContain("✓ 1 mended record stored as mended");
  expect(third).toContain("• 12 bad records not stored: parked, for a person to mend");
  expect(third).toMatch(/\n12 dead letters are open \(\d+ causes?\)\. To look: /);
  expect(journal()).toEqual([
    ...before,
    { entry: "movie", key: "movie-0010", movie: { ...records[9], "Release Date": "Dec 31 1946" } },
  ]);
}, 300_000);

const args = ["scripts/start.mjs", "--records", "200", "--folder", folder];

/** `npm start -- --once`, without npm; fails unless it exits with 0. */
async function start(): Promise<string> {
  const { stdout } = await promisify(execFile)(process.execPath, [...args, "--once"], { cwd: root });
  return stdout;
}

/** `npm start`, without npm. */
function startUntilStopped() {
  const child = spawn(process.execPath, args, { cwd: root, stdio: ["ignore", "pipe", "inherit"] });
  const ended = once(child, "exit") as Promise<[number | null]>;
  onTestFinished(async () => {
    child.kill("SIGINT");
    await ended;
  });
  let shown = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (shown += text));
  return {
    async shows(text: string): Promise<string> {
      await until(() => shown.includes(text) || child.exitCode !== null);
      return shown;
    },
    /** Gives the exit code. */
    async interrupt(): Promise<number | null> {
      child.kill("SIGINT");
      const [code] = await ended;
      return code;
    },
  };
}

function journal() {
  return readFileSync(join(folder, "catalogue.jsonl"), "utf8").trim().split("\n").map(parse);
}

function keepEvidence(): void {
  onTestFailed(() => {
    kept = true;
    console.error(first);
  });
}

function sum(text: string, numbers: RegExp): number {
  return [...text.matchAll(numbers)].reduce((total, [, number]) => total + Number(number), 0);
}

function parse(line: string): { entry: string; key: string; movie: RawMovie } {
  const { at: _, ...entry } = JSON.parse(line) as { at: string; entry: string; key: string; movie: RawMovie };
  return entry;
}
