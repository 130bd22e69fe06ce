import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, lstat, readdir, readFile, readlink, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { defaultPayloadConverter } from "@temporalio/common";
import { parquetReadObjects } from "hyparquet";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import type { LetterRow } from "../../client/index.ts";
import { serializePayloads } from "../../activities/stored-payloads.ts";
import { parkDeath } from "../../schema/park-death.ts";
import { openDatabase } from "../../schema/database.ts";
import { bareEnvironment, command, dlo, environmentOf, folderWith } from "../cli/dlo.ts";
import { deathOf } from "../schema/deaths.ts";
import { openWorld, type World } from "../setup/world.ts";
import { jsonLines } from "./lines.ts";

vi.setConfig({ testTimeout: 300_000, hookTimeout: 120_000 });

let world: World;
let env: Record<string, string>;

beforeAll(async () => {
  world = await openWorld();
  env = environmentOf(world);
  await using database = openDatabase(world.databaseUrl);
  const { namespace } = world;
  const payloadData = serializePayloads([defaultPayloadConverter.toPayload({ title: 1958 })]);
  for (let i = 0; i < 5; i++)
    await parkDeath(
      database.db,
      deathOf(`movie/${i}`, { namespace, payloadData, memoData: null, queue: i < 3 ? "default" : "mail" }),
    );
});
afterAll(async () => await world?.close());

test("the file's ending names the format, and its name appears when all is there", async () => {
  const folder = await folderWith({});
  const said = await dlo(["export", "queue:default", "--file", join(folder, "letters.csv")], { env });
  expect(said).toEqual({ code: 0, stdout: "", stderr: `3 letters in ${join(folder, "letters.csv")}.` });
  expect(await readFile(join(folder, "letters.csv"), "utf8")).toMatch(/^id,namespace,workflow_id,/);
  await dlo(["export", "--file", join(folder, "letters.parquet"), "--columns", "workflowId,failed_at"], { env });
  const { buffer } = new Uint8Array(await readFile(join(folder, "letters.parquet")));
  expect(await parquetReadObjects({ file: buffer })).toHaveLength(5);
  await dlo(["export", "--full", "--file", join(folder, "letters.jsonl")], { env });
  expect(jsonLines((await readFile(join(folder, "letters.jsonl"), "utf8")).trim().split("\n"))[0]).toMatchObject({
    version: 1,
  });
  // The inputs as they were, secrets and all: nobody else's to read.
  expect((await lstat(join(folder, "letters.jsonl"))).mode & 0o777).toBe(0o600);
  expect((await readdir(folder)).toSorted()).toEqual(["letters.csv", "letters.jsonl", "letters.parquet"]);
});

test("flags and line ask alike, and lines go to list's own readers", async () => {
  const byFlags = await dlo(["export", "--queue", "mail"], { env });
  const byLine = await dlo(["export", "queue:mail", "--format", "jsonl"], { env });
  expect(byFlags).toEqual({ code: 0, stdout: byLine.stdout, stderr: "" });
  const listed = await dlo(["list", "queue:mail", "--output", "jsonl", "--order", "oldest"], { env });
  const sorted = (out: string) => jsonLines(out.split("\n")).toSorted((a, b) => (a["id"] < b["id"] ? -1 : 1));
  expect(sorted(byLine.stdout)).toEqual(sorted(listed.stdout));
});

test.each([
  [["--full", "--format", "csv"], "csv has a row a letter"],
  [["--columns", "id,filed"], 'Did you mean "failedAt"?'],
  [["--format", "xml"], "Allowed choices are csv, jsonl, parquet"],
  [["quue:mail"], "queue"],
  [["--file", "/"], "/ is a folder"],
])("%j: exit 2", async (args, why) => {
  const { code, stdout, stderr } = await dlo(["export", ...args], { env });
  expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
  expect(stderr).toContain(why);
});

test("a link stays a link, and a failure leaves the old file", async () => {
  const folder = await folderWith({ "real.jsonl": "old\n" });
  await symlink("real.jsonl", join(folder, "link.jsonl"));
  const away = { ...env, DLO_DATABASE_URL: "postgres://nobody@127.0.0.1:1/none" };
  const { code, stderr } = await dlo(["export", "--file", join(folder, "link.jsonl")], { env: away });
  expect({ code, stderr }).toEqual({
    code: 1,
    stderr: expect.stringContaining("Postgres cannot be reached") as string,
  });
  expect(await readFile(join(folder, "real.jsonl"), "utf8")).toBe("old\n");
  await dlo(["export", "--file", join(folder, "link.jsonl")], { env });
  expect(await readlink(join(folder, "link.jsonl"))).toBe("real.jsonl");
  expect(jsonLines((await readFile(join(folder, "real.jsonl"), "utf8")).trim().split("\n"))).toHaveLength(5);
  expect((await readdir(folder)).toSorted()).toEqual(["link.jsonl", "real.jsonl"]);
});

test("a file that is replaced is for nobody to read who could not read it before", async () => {
  const modes = { private: 0o600, group: 0o660, open: 0o644 };
  const names = Object.keys(modes) as (keyof typeof modes)[];
  const folder = await folderWith(Object.fromEntries(names.map((name) => [`${name}.jsonl`, "old\n"])));
  const modeOf = async (name: string) => (await lstat(join(folder, `${name}.jsonl`))).mode & 0o777;
  for (const name of names) {
    await chmod(join(folder, `${name}.jsonl`), modes[name]);
    await dlo(["export", "--file", join(folder, `${name}.jsonl`)], { env });
    expect({ name, mode: await modeOf(name) }).toEqual({ name, mode: modes[name] });
  }
  // The inputs as they were are for the owner alone, whatever stood there.
  await dlo(["export", "--full", "--file", join(folder, "open.jsonl")], { env });
  expect(await modeOf("open")).toBe(0o600);
});

test("Ctrl-C leaves neither the file nor a part of it", async () => {
  const folder = await folderWith({});
  await world.sql.begin(async (tx) => {
    await tx`lock table dlo.dead_letters in access exclusive mode`;
    const child = spawn(process.execPath, [command, "export", "--file", join(folder, "letters.jsonl")], {
      env: { ...bareEnvironment(), ...env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    const ended = once(child, "exit");
    await expect
      .poll(async () => await readdir(folder), { timeout: 60_000 })
      .toEqual([`letters.jsonl.${child.pid}.part`]);
    child.kill("SIGINT");
    expect(await text(child.stderr)).toContain("letters.jsonl is not written");
    expect(await ended).toEqual([130, null]);
  });
  expect(await readdir(folder)).toEqual([]);
});

test("memory is the same for ten times the letters, and a reader that has seen enough is no failure", async () => {
  // Closed ones, so that no text index slows the making.
  await world.sql.unsafe(`insert into dlo.dead_letters (${await columns()})
    select ${(await columns()).replace(/^id/, "gen_random_uuid()").replace("status", "'expired'").replace("workflow_id", "workflow_id || '/' || i").replace(" payload,", " jsonb_build_object('title', i, 'note', repeat(md5(i::text), 25)),").replace("closed_at", "now()").replace("expires_at", "null").replace("batch", "case when i <= 10000 then 'small' else 'large' end")}
    from dlo.dead_letters, generate_series(1, 100000) i where workflow_id = 'movie/0'`);
  for (const format of ["jsonl", "csv", "parquet"]) {
    const [small, large] = [
      await memoryOf(format, "batch:small", 10_000),
      await memoryOf(format, "batch:small,large", 100_000),
    ];
    console.log(`${format}: ${Math.round(small)} MB for 10,000 letters, ${Math.round(large)} MB for 100,000`);
    // A tenfold of what is held would be some 300 MB more; this leaves room for when garbage is collected.
    expect(large - small).toBeLessThan(100);
  }
  const shell = spawn("sh", ["-c", `"$0" "$1" export | head -n 1; echo "$?"`, process.execPath, command], {
    env: { ...bareEnvironment(), ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const [out, err] = await Promise.all([text(shell.stdout), text(shell.stderr)]);
  expect(JSON.parse(out.split("\n")[0]!)).toMatchObject({ namespace: world.namespace } satisfies Partial<LetterRow>);
  expect(err).toBe("");
  await world.sql`delete from dlo.dead_letters where batch in ('small', 'large')`;
});

test("import says what it skipped and why, and fails only for what it refused", async () => {
  await using elsewhere = await openWorld();
  await elsewhere.office();
  const there = environmentOf(elsewhere);
  const { stdout } = await dlo(["export", "queue:default", "--full"], { env });
  const lines = stdout.split("\n");
  const letter = JSON.parse(lines[0]!) as Record<string, unknown>;
  const broken = [
    "{not json",
    JSON.stringify({ ...letter, version: 2 }),
    JSON.stringify({ ...letter, workflowId: undefined }),
    JSON.stringify({ ...letter, category: "weather" }),
    JSON.stringify({ ...letter, failedAt: "yesterday" }),
    JSON.stringify({
      ...letter,
      id: "0197a3b2-1c4d-7000-8000-000000000001",
      payloadData: Buffer.alloc(3_000_000).toString("base64"),
      workflowId: "large",
      story: undefined,
    }),
    JSON.stringify({ ...letter, id: "0197a3b2-1c4d-7000-8000-000000000002", story: undefined, runId: "another" }),
    "[]",
  ];
  const folder = await folderWith({ "letters.jsonl": [lines[0], ...broken, "", lines[1], lines[2]].join("\n") });
  const file = join(folder, "letters.jsonl");

  const dry = await dlo(["import", file, "--dry-run"], { env: there });
  expect(dry).toMatchObject({ code: 1, stdout: "3 to import, 8 refused." });
  expect((await elsewhere.dlo.letters.list()).letters).toEqual([]);

  const first = await dlo(["import", file, "--by", "ann", "--reason", "moved"], { env: there });
  expect(first).toMatchObject({ code: 1, stdout: "3 imported, 8 refused." });
  const said = first.stderr.split("\n").filter((line) => line.startsWith("Line"));
  expect(said.map((line) => line.replace(/[0-9a-f-]{36}/, "<id>").replace(/: (.{70}).*/, ": $1")))
    .toMatchInlineSnapshot(`
      [
        "Line 2: The line is no JSON: Expected property name or '}' in JSON at position",
        "Line 3: version is 2, and this release reads version 1",
        "Line 4: workflowId is missing: without it there is no letter",
        "Line 5: category must be one of timeout, network, dependency, rate_limit, reso",
        "Line 6: failedAt must be a time such as 2026-01-31T12:00:00.000Z, got "yesterd",
        "Line 7: payloadData has 3000000 bytes, and at most 1900000 pass through Tempor",
        "Line 8: job movie/0 has an open letter here: <id>",
        "Line 9: The line must be an object",
      ]
    `);

  const again = await dlo(["import", "-", "-o", "json"], { env: there, input: lines.join("\n") });
  expect(again.code).toBe(0);
  expect(JSON.parse(again.stdout)).toMatchObject({
    imported: 0,
    here: 3,
    refused: 0,
    closed: 0,
    skipped: [{ line: 1 }, {}, {}],
  });
  const streamed = await dlo(["import", "-", "-o", "jsonl"], { env: there, input: lines.join("\n") });
  expect(jsonLines(streamed.stdout.split("\n")).map(({ outcome }) => outcome as string)).toEqual([
    "here",
    "here",
    "here",
  ]);
  const { events } = await elsewhere.dlo.letters.story(letter["id"] as string);
  expect(events[0]).toMatchObject({ type: "imported", by: "ann", reason: "moved" });
  await writeFile(file, Buffer.from([0x7b, 0xff, 0x7d]));
  expect((await dlo(["import", file], { env: there })).stderr).toContain("Line 1: the line is not in UTF-8");
  expect(await dlo(["import", join(folder, "none.jsonl")], { env: there })).toMatchObject({ code: 1 });
});

test("a time without a zone is in UTC, wherever it is read", async () => {
  await using elsewhere = await openWorld();
  await elsewhere.office();
  const line = { job: "ship", workflowId: "order/1", errorType: "Error", errorMessage: "502" };
  const input = JSON.stringify({ ...line, failedAt: "2026-01-31 12:00:00" });
  for (const [TZ, said] of [
    ["Pacific/Apia", "1 imported."],
    ["America/New_York", "0 imported, 1 here already."],
  ] as const)
    expect((await dlo(["import", "-"], { env: { ...environmentOf(elsewhere), TZ }, input })).stdout).toBe(said);
  expect((await elsewhere.dlo.letters.get("order/1")).failedAt).toEqual(new Date("2026-01-31T12:00:00Z"));
  const nonsense = ["2026-02-31T12:00:00Z", "2026-01-31T12:00junk", "2026-01-31T25:00:00Z"];
  const lines = nonsense.map((failedAt, i) => JSON.stringify({ ...line, workflowId: `order/${i + 2}`, failedAt }));
  const refused = await dlo(["import", "-"], { env: environmentOf(elsewhere), input: lines.join("\n") });
  expect(refused).toMatchObject({ code: 1, stdout: "0 imported, 3 refused." });
});

async function columns(): Promise<string> {
  const rows = await world.sql<{ name: string }[]>`
    select attname as name from pg_attribute where attrelid = 'dlo.dead_letters'::regclass and attnum > 0 and not attisdropped order by attnum`;
  return rows.map(({ name }) => name).join(", ");
}

/** The most memory that an export takes, in MB. */
async function memoryOf(format: string, filter: string, letters: number): Promise<number> {
  const report = "process.on('exit',()=>process.stderr.write('peak '+process.resourceUsage().maxRSS))";
  const child = spawn(
    process.execPath,
    [
      "--import",
      `data:text/javascript,${report}`,
      command,
      "export",
      filter,
      "--format",
      format,
      "--columns",
      "id,failedAt,payload,failure,errorMessage",
    ],
    { env: { ...bareEnvironment(), ...env }, stdio: ["ignore", "pipe", "pipe"] },
  );
  let bytes = 0;
  child.stdout.on("data", (chunk: Buffer) => void (bytes += chunk.length));
  const said = await text(child.stderr);
  expect(bytes).toBeGreaterThan(letters * (format === "parquet" ? 30 : 800));
  return Number(/peak (\d+)/.exec(said)![1]) / 1024;
}
