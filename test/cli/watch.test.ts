import { spawnSync } from "node:child_process";
import { tmpdir } from "node:os";
import { beforeAll, expect, test } from "vitest";
import { noteLetter } from "../../schema/note-letter.ts";
import { parkDeath } from "../../schema/park-death.ts";
import { setCause } from "../../schema/set-cause.ts";
import { startClerk } from "../../worker/clerk.ts";
import { causeNamed, deathOf } from "../schema/deaths.ts";
import { testDatabase } from "../setup/postgres.ts";
import { until } from "../setup/world.ts";
import { background } from "./background.ts";
import { command, dlo } from "./dlo.ts";
import { shell } from "./shell.ts";

const { db, url, sql } = await testDatabase();
const env = { DLO_DATABASE_URL: url };
const run = async (...args: string[]) => await dlo(["watch", ...args], { env });

beforeAll(() => {
  const clerk = startClerk(url);
  return clerk.close;
});

let deaths = 0;
async function die(otherwise: Parameters<typeof deathOf>[1] = {}) {
  const id = `job/${++deaths}`;
  const { letter } = await parkDeath(db, deathOf(id, otherwise));
  await until(
    async () => (await sql`select from dlo.events where letter_id = ${letter.id} and position > 0`).length > 0,
  );
  return { id, letterId: letter.id };
}

async function lastPosition(): Promise<number> {
  return Number((await sql`select last_position from dlo.office`)[0]!["last_position"]);
}

test("watch prints what there is, a line an event, and says where to go on", async () => {
  const { id, letterId } = await die();
  const first = await run("--until-now");
  expect(first.code).toBe(0);
  const lines = first.stdout.split("\n");
  expect(lines).toHaveLength(2);
  expect(lines[0]).toMatch(
    new RegExp(
      `^2026-05-01 12:00:00 UTC  died import-movie ${id}: TypeError: title is not a string  #1 ${letterId.slice(0, 13)}$`,
    ),
  );
  expect(lines[1]).toMatch(/ {2}new cause title is not a string {2}#2 [0-9a-f-]{13}$/);
  expect(first.stderr).toBe("Up to position 2. To go on from there: --after 2");

  await noteLetter(db, letterId, {
    type: "noted",
    atMs: Date.now(),
    by: "ann",
    reason: "a\nreason",
    data: { text: "\u001b[31mred" },
  });
  await until(async () => (await lastPosition()) === 3);
  const second = await run("--until-now", "--after", "2", "-o", "jsonl");
  expect(JSON.parse(second.stdout)).toMatchObject({ position: 3, type: "noted", by: "ann", letterId });
  // What others have written moves no cursor and breaks no line.
  const shown = await run("--until-now", "--after", "2");
  expect(shown.stdout).toContain(`note import-movie ${id}, "[31mred" (ann): a reason`);
});

test("watch is narrowed by types, a letter, and a filter by flags or as a line", async () => {
  const { letterId, id } = await die({ job: "ship-order", cause: causeNamed("no ship") });
  const ids = async (...args: string[]) =>
    (await run("--until-now", "-o", "jsonl", ...args)).stdout
      .split("\n")
      .filter(Boolean)
      .map((line) => JSON.parse(line) as { type: string; workflowId: string | null })
      .map(({ type, workflowId }) => `${type} ${workflowId}`);
  expect(await ids("--job", "ship-order")).toEqual([`parked ${id}`, "cause_new null"]);
  expect(await ids("job:ship-order", "--type", "parked")).toEqual([`parked ${id}`]);
  expect(await ids("--letter", letterId.slice(0, 18))).toEqual([`parked ${id}`]);
  expect(await ids("--type", "discarded,expired")).toEqual([]);
});

test("show tells a letter's part of the stream, and what happened to its cause meanwhile", async () => {
  const cause = causeNamed("shown");
  await die({ cause, diedAtMs: Date.now() - 60_000 });
  await setCause(db, cause.id, { type: "cause_noted", text: "before" }, { by: "ann" });
  const { letterId } = await die({ cause, diedAtMs: Date.now() + 1 });
  await setCause(db, cause.id, { type: "cause_resolved", inBuild: "1.2" }, { by: "bob", reason: "mended" });
  const { stdout } = await dlo(["show", letterId], { env });
  const since = stdout.slice(stdout.indexOf("Since then"), stdout.indexOf("Next"));
  expect(since).toMatch(/parked .*\n.*cause resolved by bob in build 1\.2: mended/);
  expect(since).not.toContain("before");
  const { story } = JSON.parse((await dlo(["show", letterId, "-o", "json"], { env })).stdout) as {
    story: { events: { type: string }[]; causeEvents: { type: string }[] };
  };
  expect(story.events.map(({ type }) => type)).toEqual(["parked"]);
  expect(story.causeEvents.map(({ type }) => type)).toEqual(["cause_resolved"]);
});

test("wrong usage ends with 2, and names the nearest word", async () => {
  expect(await run("--type", "parkd")).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('Did you mean "parked"?'),
  });
  expect(await run("--after", "-1")).toMatchObject({ code: 2 });
  expect(await run("jb:x")).toMatchObject({ code: 2 });
  const { code, stderr } = await dlo(["watch"], { env: { DLO_DATABASE_URL: "postgres://nobody@127.0.0.1:1/none" } });
  expect({ code, stderr }).toMatchObject({ code: 1, stderr: expect.stringContaining("refused") });
});

test("in a pipe each line comes at once, and Ctrl-C ends it in order", async () => {
  const after = await lastPosition();
  const watching = background(["watch", "--after", String(after), "--output", "jsonl"], { cwd: tmpdir(), env });
  const { id } = await die();
  await watching.says(`"workflowId":"${id}"`);
  const { id: next } = await die();
  await watching.says(`"workflowId":"${next}"`);
  expect(await watching.stop("SIGINT")).toBe(0);
  expect(watching.said()).toContain(`To go on from there: --after ${await lastPosition()}`);
});

test("a reader that has seen enough ends it without a word", async () => {
  const piped = shell(
    `"${process.execPath}" "${command}" watch --after 0 | head -n 1; echo "ended \${PIPESTATUS[0]}"`,
    env,
  );
  await until(async () => {
    if (!piped.said().includes("ended")) await die();
    return piped.said().includes("ended");
  });
  expect(piped.said()).toMatch(/^[^\n]*#1 [0-9a-f-]{13}[^\n]*\nended 0\n$/);
});

test(
  "on a terminal it shows colours, and Ctrl-C at the keyboard ends it",
  { skip: spawnSync("bash", ["-c", "command -v script"]).status !== 0 },
  async () => {
    const after = await lastPosition();
    // `exec` in the command too: where $SHELL is unset it is dash's, which stays, gets the Ctrl-C as well, and says 130.
    const terminal = shell(
      `exec script --quiet --return --command 'exec "${process.execPath}" "${command}" watch --after ${after}' /dev/null`,
      env,
    );
    const { id } = await die();
    await until(() => terminal.said().includes(id));
    expect(terminal.said()).toMatch(new RegExp(`\\u001b\\[31mdied\\u001b\\[39m import-movie ${id}: `));
    terminal.types("\u0003");
    await until(() => terminal.said().includes("To go on from there: --after "));
    expect(await terminal.ended).toBe(0);
  },
);
