import { execFile } from "node:child_process";
import { cp, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";

// Set-up is a feature: what a clone has, and nothing else, is enough for `npm start`.

const run = promisify(execFile);
const root = join(import.meta.dirname, "../..");
let clone: string;

beforeAll(async () => {
  clone = await mkdtemp(join(tmpdir(), "dlo-clone-"));
  // As git would give it out now, changes that are not committed yet included.
  const { stdout } = await run("git", ["ls-files", "--cached", "--others", "--exclude-standard", "-z"], {
    cwd: root,
    maxBuffer: 2 ** 24,
  });
  for (const file of stdout.split("\0").filter(Boolean))
    await cp(join(root, file), join(clone, file)).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== "ENOENT") throw error; // Deleted, and not committed yet.
    });
});
afterAll(async () => await rm(clone, { recursive: true, force: true }));

test("npm start -- --once --records 200, from a clean clone", { timeout: 480_000 }, async () => {
  const { stdout, stderr } = await run("npm", ["start", "--", "--once", "--records", "200"], {
    cwd: clone,
    maxBuffer: 2 ** 24,
  });
  expect(stderr).toContain("Installing dependencies");
  expect(stdout).toContain("187 good records stored, each exactly once");
  expect(stdout).toContain("13 bad records not stored");
  // Its state stays, for the next start; its servers don't.
  expect(await readFile(join(clone, ".dlo/catalogue.jsonl"), "utf8")).toContain("movie-0001");
  await expect(readFile(join(clone, ".dlo/stack.json"))).rejects.toMatchObject({ code: "ENOENT" });
});
