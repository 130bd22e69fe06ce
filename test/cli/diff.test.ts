import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { z } from "zod";
import type { Dlo } from "../../client/index.ts";
import { defineJob } from "../../model/index.ts";
import { SealedCodec } from "../office/sealed.ts";
import { openWorld, until, type World } from "../setup/world.ts";
import { dlo, environmentOf, folderWith } from "./dlo.ts";

// Each command is a process of its own.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

const sealedFile = fileURLToPath(new URL("../office/sealed.ts", import.meta.url));
const secret = "4929-7712-0031-8840";

let diskIsFull = false;

/** Takes anything, and dies of a title that is no text or a year that is no number; in bytes, of the first being 0. */
const jobOf = (name: string) =>
  defineJob({ name, input: z.any(), activity: { retry: { maximumAttempts: 1 } } }).handle((input: unknown) => {
    if (input instanceof Uint8Array) {
      if (input[0] === 0) throw new Error("no such scan");
      return input.length;
    }
    if (diskIsFull) throw new Error("the disk is full");
    const { year } = input as { year: unknown };
    if (typeof year !== "number") throw new TypeError(`year is a ${typeof year}`);
    return "imported";
  });
const jobs = ["import-movie", "import-scan", "import-sealed", "import-twin"].map(jobOf);
const [movies, scans, sealed, twins] = jobs.map(({ job }) => job) as [Job, Job, Job, Job];
type Job = (typeof jobs)[number]["job"];

const movie = (i: number) => ({
  title: `Movie ${i}`,
  year: 1990 + i,
  country: "US",
  card: secret,
  cast: [{ name: "x" }],
});

let world: World;
beforeAll(async () => {
  world = await openWorld();
  await world.office({ redact: ["card"] });
  await world.worker({ jobs });
  for (const i of [1, 2, 3, 4, 5, 6]) await succeed(world.dlo, movies, movie(i));
});
afterAll(async () => await world?.close());

test("what sets the dead one apart comes first, against the last runs that succeeded", async () => {
  const { id } = await dead(world.dlo, movies, { ...movie(9), year: "1999", country: "XX", note: "rush", cast: [] });
  const diff = await world.dlo.letters.diff(id);
  expect(diff.runs).toHaveLength(5);
  expect(diff).toMatchObject({ unread: [], cut: false });
  expect(diff.differences.map(({ kind, path }) => `${kind} ${path}`)).toEqual([
    "type year",
    "extra note",
    "value country",
    "range cast",
    "differs title",
  ]);
  expect(diff.differences[0]).toMatchObject({
    here: { type: "string", values: ["1999"] },
    types: ["number"],
    have: 5,
    of: 5,
    // The newest five of six.
    seen: [1992, 1993, 1994, 1995, 1996].map((value) => ({ value, times: 1 })),
  });
  const { code, stdout } = await run(["diff", id]);
  expect(code).toBe(0);
  const lines = stdout.split("\n");
  const apart = lines.indexOf("Sets it apart");
  expect(lines[apart + 1]).toMatch(/^ {2}year +"1999" \(string\); number in 5 of 5: 199\d, /);
  expect(lines.slice(apart + 2, apart + 5).map((line) => line.trim())).toEqual([
    'note     "rush"; there in none of 5',
    'country  "XX"; always "US" (5) in 5 of 5',
    "cast     0 items; 1 item in 5 of 5",
  ]);
  expect(stdout).toContain("Against the last 5 runs that succeeded");
  const json = await run(["diff", id, "--runs", "2", "-o", "json"]);
  expect(json).toMatchObject({ code: 0, stderr: "" });
  expect(JSON.parse(json.stdout)).toMatchObject({
    letter: { id },
    runs: [{ workflowId: expect.any(String) as string }, {}],
    differences: [{ path: "year", kind: "type", of: 2 }, {}, {}, {}, {}],
  });
});

test("what the rows hide is hidden in what comes from Temporal, also where this letter has no such field", async () => {
  const { card: _, ...bare } = movie(10);
  const { id } = await dead(world.dlo, movies, { ...bare, year: "x" });
  // Another letter of the job shows that it is hidden.
  await dead(world.dlo, movies, { ...movie(11), year: "y" });
  const diff = await world.dlo.letters.diff(id);
  expect(diff.differences.find(({ path }) => path === "card")).toMatchObject({
    kind: "missing",
    seen: [{ value: "[redacted]", times: 5 }],
  });
  for (const output of ["table", "json"]) expect((await run(["diff", id, "-o", output])).stdout).not.toContain(secret);
  // The office's configuration hides what no row shows.
  const cwd = await folderWith({ "dlo.config.mjs": `export default { redact: ["title"] }` });
  const { stdout } = await run(["diff", id], cwd);
  expect(stdout).not.toContain("Movie");
});

test("an input that is the same as theirs is no reason, and that is said", async () => {
  for (let i = 0; i < 2; i++) await succeed(world.dlo, twins, { year: 1 });
  diskIsFull = true;
  const { id } = await dead(world.dlo, twins, { year: 1 });
  diskIsFull = false;
  expect(await world.dlo.letters.diff(id)).toMatchObject({ differences: [], equal: ["year"] });
  expect((await run(["diff", id])).stdout).toContain("Its input is the same as theirs");
});

test("where nothing succeeded it says what else there is to try", async () => {
  const { id } = await dead(world.dlo, scans, Uint8Array.of(0, 1, 2));
  const none = await run(["diff", id]);
  expect(none.code).toBe(1);
  expect(none.stdout).toContain("Temporal knows no run of import-scan that succeeded");
  expect(none.stdout).toContain(`dlo similar ${id.slice(0, 13)}`);
  expect(none.stdout).toContain(`dlo reproduce ${id.slice(0, 13)}`);
});

test("bytes are compared as the row shows them", async () => {
  for (const last of [7, 8]) await succeed(world.dlo, scans, Uint8Array.of(1, 2, last));
  const { id } = await dead(world.dlo, scans, Uint8Array.of(0, 1, 2));
  expect((await world.dlo.letters.diff(id)).differences).toMatchObject([
    { path: "base64", here: { values: ["AAEC"] }, seen: [{ value: "AQIH" }, { value: "AQII" }] },
  ]);
});

test("of an amended letter, the amendment is shown; once it has recovered, its own run is one that succeeded", async () => {
  const { id, workflowId } = await dead(world.dlo, movies, { ...movie(12), year: "2002" });
  await world.dlo.letters.amend(id, { input: { ...movie(12), year: 2002 } });
  const amended = await run(["diff", id]);
  expect(amended.stdout).toContain("Amended since it died");
  expect(amended.stdout).toContain('-   "year": "2002"');
  expect(amended.stdout).toContain('+   "year": 2002');
  expect(amended.stdout).not.toContain(secret);
  await world.dlo.letters.retry(id, { waitFor: "30 seconds" });
  await until(async () => (await world.dlo.letters.diff(id)).runs.some((found) => found.workflowId === workflowId));
  const diff = await world.dlo.letters.diff(id);
  expect(diff).toMatchObject({ original: { year: "2002", card: "[redacted]" }, payload: { year: 2002 } });
  expect((await run(["diff", id])).stdout).toContain("Recovered with an amended input");
});

test("encrypted payloads are read with the config's codec; without it, and of another key, that is said", async () => {
  await using own = await openWorld();
  const key = "22".repeat(32);
  const codec = new SealedCodec(Buffer.from(key, "hex"));
  await own.office({ codec });
  const client = await own.connect({ codec });
  const worker = await own.worker({ codec, jobs });
  for (const i of [1, 2, 3]) await succeed(client, sealed, movie(i));
  const { id } = await dead(client, sealed, { ...movie(4), year: "1999" });
  await worker.stop();
  // Somebody had another key for a while.
  const other = new SealedCodec();
  await own.worker({ codec: other, jobs });
  await succeed(await own.connect({ codec: other }), sealed, movie(5));
  const diff = await client.letters.diff(id, { redact: ["card"] });
  expect(diff.runs).toHaveLength(3);
  expect(diff.unread).toMatchObject([{ why: expect.stringContaining("cannot be decoded") as string }]);
  expect(diff.differences[0]).toMatchObject({ kind: "type", path: "year" });
  await expect(own.dlo.letters.diff(id)).rejects.toMatchObject({ code: "CONFIG_INVALID" });
  const cwd = await folderWith({
    "dlo.config.ts": `
      import { SealedCodec } from ${JSON.stringify(sealedFile)};
      export default { codec: new SealedCodec(Buffer.from("${key}", "hex")), redact: ["card"] };`,
  });
  const ran = await dlo(["diff", id], { cwd, env: environmentOf(own) });
  expect(ran.stdout).toMatch(/year +"1999" \(string\); number in 3 of 3/);
  expect(ran.stdout).toContain("Not compared");
  expect(ran.stdout).not.toContain(secret);
  const keyless = await dlo(["diff", id], { env: environmentOf(own) });
  expect(keyless).toMatchObject({ code: 2, stdout: "" });
  expect(keyless.stderr).toContain("name their codec in dlo.config");
});

test("an input that was not stored cannot be compared, and a number of runs must make sense", async () => {
  await using own = await openWorld();
  await own.office({ queues: { default: { payload: "omit" } } });
  await own.worker({ jobs });
  const { id } = await dead(own.dlo, movies, { year: "x" });
  await expect(own.dlo.letters.diff(id)).rejects.toMatchObject({ code: "PAYLOAD_OMITTED" });
  await expect(own.dlo.letters.diff(id, { runs: 0 })).rejects.toMatchObject({ code: "USAGE" });
  const elsewhere = await own.connect({ namespace: "default" });
  await expect(elsewhere.letters.diff(id)).rejects.toMatchObject({ code: "USAGE" });
});

/** Runs the job, and waits until it can be found. */
async function succeed(client: Dlo, job: Job, input: unknown): Promise<void> {
  const started = await client.start(job, input);
  await started.result();
  const query = `WorkflowId = '${started.workflowId}' AND ExecutionStatus = 'Completed'`;
  await until(async () => (await client.temporal.workflow.count(query)).count === 1);
}

async function dead(client: Dlo, job: Job, input: unknown): Promise<{ id: string; workflowId: string }> {
  const { workflowId, result } = await client.start(job, input);
  await expect(result()).rejects.toMatchObject({ code: "JOB_DIED" });
  await until(async () => (await client.letters.get(workflowId)).status === "parked");
  return { id: (await client.letters.get(workflowId)).id, workflowId };
}

async function run(args: readonly string[], cwd?: string) {
  return await dlo(args, { env: environmentOf(world), ...(cwd === undefined ? {} : { cwd }) });
}
