import { spawnSync } from "node:child_process";
import { tmpdir } from "node:os";
import { stripVTControlCharacters } from "node:util";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import type { Redrive, RedriveItem, RedrivePreview } from "../../client/index.ts";
import { type Behaviour, openPostOffice, type PostOffice } from "../setup/post-office.ts";
import { until } from "../setup/world.ts";
import { background } from "./background.ts";
import { command, dlo, environmentOf, folderWith, type Ran, type RunOptions } from "./dlo.ts";
import { shell } from "./shell.ts";

// `dlo redrive`, and the acting commands with --filter, as they are typed.

vi.setConfig({ testTimeout: 60_000 });

let office: PostOffice;
let run: (args: readonly string[], options?: RunOptions) => Promise<Ran>;

beforeAll(async () => {
  office = await openPostOffice({ amendments: { toBob: (input: { to: string }) => ({ ...input, to: "bob" }) } });
  run = async (args, { env = {}, ...options } = {}) =>
    await dlo(args, { cwd: tmpdir(), ...options, env: { ...environmentOf(office), ...env } });
});
afterAll(async () => await office?.close());

const succeeds: Behaviour = () => "delivered";
/** A transient error: what dies of it needs no person. */
const unreachable: Behaviour = () => {
  throw Object.assign(new Error("the road is closed"), { code: "ECONNREFUSED" });
};

/** Dead letters of jobs `<batch>-0`, `<batch>-1` …; `payload.to=<batch>` finds just these. */
async function dead(batch: string, n: number, of: Behaviour = unreachable): Promise<string[]> {
  const ids = Array.from({ length: n }, (_, i) => `${batch}-${i}`);
  for (const id of ids) {
    office.when(id, of);
    await office.dead(id, { to: batch });
  }
  return ids;
}

async function letterId(workflowId: string): Promise<string> {
  return (await office.dlo.letters.get(workflowId)).id;
}

async function itemsOf(id: string): Promise<readonly RedriveItem[]> {
  return await office.dlo.redrives.items(id);
}

const needsPerson: Behaviour = ({ to }) => {
  throw new Error(`nobody at home: ${to}`);
};

describe("what it would do, and whether to do it", () => {
  test("a dry run says how many, which, and which not and why, and changes nothing", async () => {
    const ids = await dead("dry", 3);
    await dead("dry-two", 1, needsPerson);
    const filter = "payload.to~dry";
    const { code, stdout, stderr } = await run(["redrive", filter, "--dry-run"]);
    expect(code).toBe(0);
    expect(stdout).toContain("Would retry 3 dead letters, which takes at least 1 second.");
    expect(stdout).toMatch(
      /Leaves out 1:\nLETTERS +WHY +SUCH AS\n1 +its error is of the category unknown, which needs/,
    );
    expect(stdout).toContain("To take those that need a person, too: --force");
    expect(stdout).toMatch(/The first 3:\n {2}[0-9a-f-]+ {2}deliver dry-0: Error: the road is closed\n/);
    expect(stderr).toContain("Nothing was changed. To do it: the same without --dry-run");
    const preview = JSON.parse((await run(["redrive", filter, "--dry-run", "-o", "json"])).stdout) as RedrivePreview;
    expect(preview).toMatchObject({ takes: 3, leavesOut: [{ code: "needs_person", letters: 1 }] });
    expect(preview.samples.map(({ workflowId }) => workflowId)).toEqual(ids);
    expect(ids.map((id) => office.runs(id))).toEqual([1, 1, 1]);
  });

  test("it asks first, and where nobody can be asked it needs --yes", async () => {
    await dead("asked", 2);
    const asked = await run(["redrive", "payload.to=asked"]);
    expect(asked).toMatchObject({ code: 2, stdout: "" });
    expect(asked.stderr).toContain("It would retry 2 dead letters, and nobody can be asked here. To go ahead: --yes");
    expect(await run(["redrive", "payload.to=nowhere"])).toMatchObject({
      code: 0,
      stderr: expect.stringContaining("No dead letters like that, so nothing was changed.") as string,
    });
  });

  test("where all need a person it says so, and how to take them", async () => {
    const [id] = await dead("personal", 2, needsPerson);
    const asked = await run(["redrive", "payload.to=personal"]);
    expect(asked).toMatchObject({ code: 1, stdout: "" });
    expect(asked.stderr).toMatch(/None of 2 letters can be taken\. They need a person .*--force/);
    const done = await run(["redrive", "payload.to=personal", "--yes"]);
    expect(done).toMatchObject({
      code: 1,
      stdout: expect.stringContaining("completed: 2 letters = 0 recovered + 2 skipped.") as string,
      stderr: expect.stringContaining("To take them, too: --force") as string,
    });
    expect(office.runs(id!)).toBe(1);
  });

  test.each([
    [["redrive"], "Which letters? Give a filter, --ids, or --from"],
    [["redrive", "job:a", "--from", "0197a3b2"], "exactly one of them"],
    [["redrive", "job:a", "--outcome", "refused"], "--outcome goes with --from"],
    [
      ["redrive", "--from", "0197a3b2", "--outcome", "recoverd"],
      'Unknown outcome "recoverd". Did you mean "recovered"?',
    ],
    [["redrive", "--from", "0197a3b2", "--outcome", "waiting"], 'Unknown outcome "waiting"'],
    [["redrive", "job:a", "--rate", "1000"], "rate must be from 0.1 to 500"],
    [["redrive", "job:a", "--stop-on-failure", "10"], "It takes a share such as 10%, or never"],
    [["redrive", "job:a", "--order", "random"], "Allowed choices are newest, oldest, expiring, deaths"],
    [["redrive", "job:a", "--amend", "[{}]"], "amend.patch[0]"],
    [["redrive", "job:a", "--amend", "[{"], "The patch is no JSON"],
    [["redrive", "job:a", "--amend", "@nowhere.json"], "nowhere.json cannot be read"],
    [["redrive", "--ids", "nowhere.txt"], "The file nowhere.txt cannot be read"],
    [["redrive", "--ids", "-"], "No letter ids came in from standard input"],
    [["redrive", "jbo:a"], 'Unknown word "jbo". Did you mean "job"?'],
    [["redrive", "puase", "0197a3b2"], "Did you mean pause?"],
    [["redrive", "show", "0197a3b2", "--outcome", "runing"], 'Did you mean "running"?'],
    [["redrive", "show", "0197a3b2", "--items", "--follow"], "for its letters leave it out"],
    [["redrive", "set", "0197a3b2"], "What is to change?"],
    [["retry", "0197a3b2", "--dry-run"], "--dry-run goes with --filter"],
    [["amend", "0197a3b2", "--patch", "[]"], "--patch goes with --filter"],
  ])("dlo %j is wrong usage", async (args, says) => {
    const { code, stdout, stderr } = await dlo(args);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toContain(says);
  });
});

describe("followed to its end", () => {
  test("in a pipe it ends with the balance, and list and show tell the rest", async () => {
    const ids = await dead("piped", 3);
    for (const id of ids) office.when(id, succeeds);
    const args = ["redrive", "payload.to=piped", "--yes", "--rate", "100", "--by", "ann", "--reason", "it is open"];
    const { code, stdout, stderr } = await run(args);
    expect({ code, stdout }).toEqual({
      code: 0,
      stdout: expect.stringMatching(/^Redrive [0-9a-f-]{13} completed: 3 letters = 3 recovered\.$/) as string,
    });
    expect(stderr).toMatch(/^Target: .*\nRedrive [0-9a-f-]{36}\. Ctrl-C leaves it running\./);
    expect(stdout + stderr).not.toContain("\u001b");
    const [, id = ""] = /Redrive ([0-9a-f-]{36})/.exec(stderr) ?? [];

    const listed = await run(["redrive", "list"]);
    expect(listed.stdout).toMatch(
      new RegExp(`${id.slice(0, 13)} +retry payload\\.to="?piped"? +3 +3 +3 +0 +completed .*ann`),
    );
    const shown = await run(["redrive", "show", id.slice(0, 13)]);
    expect(shown.stdout).toMatch(/^State +completed$/m);
    expect(shown.stdout).toMatch(/^Asked +.* by ann: it is open$/m);
    expect(shown.stdout).toMatch(/^Rate +100 a second, at most 100 under way$/m);
    expect(JSON.parse((await run(["redrive", "show", id, "-o", "json"])).stdout)).toMatchObject({
      id,
      status: "completed",
      counts: { items: 3, recovered: 3 },
    });
    const items = (await run(["redrive", "show", id, "--items", "-o", "jsonl"])).stdout.split("\n");
    expect(items.map((line) => JSON.parse(line) as RedriveItem)).toMatchObject(
      ids.map((workflowId, i) => ({ n: i + 1, workflowId, state: "recovered" })),
    );
    const first = await run(["redrive", "show", id, "--items", "--limit", "1"]);
    expect(first.stdout).toContain("deliver piped-0");
    expect(first.stderr).toContain("--after 1");
    expect((await run(["redrive", "show", id, "--outcome", "died_again,refused"])).stdout).toBe(
      "No letters like that.",
    );
    const told = await run(["watch", "--until-now", "--type", "redrive_started,redrive_completed"]);
    expect(told.stdout).toMatch(
      new RegExp(`redrive started ${id}: retry 3 letters \\(ann\\): it is open .*${id.slice(0, 13)}`),
    );
  });

  test("as JSON: one object at its end, or one for each change", async () => {
    const [one] = await dead("json", 1);
    const [two] = await dead("jsonl", 1);
    for (const id of [one!, two!]) office.when(id, succeeds);
    const whole = await run(["redrive", "payload.to=json", "--yes", "-o", "json"]);
    expect(JSON.parse(whole.stdout)).toMatchObject({ status: "completed", counts: { recovered: 1 } });
    const lines = (await run(["redrive", "payload.to=jsonl", "--yes", "-o", "jsonl"])).stdout.split("\n");
    const states = lines.map((line) => JSON.parse(line) as Redrive);
    expect(states.at(-1)).toMatchObject({ status: "completed", counts: { recovered: 1 } });
    expect(new Set(lines).size).toBe(lines.length);
  });

  test("it stops when the same cause comes back, with exit code 1, and says which letter told it so and how to go on", async () => {
    const ids = await dead("stops", 3);
    const stopped = await run(["redrive", "payload.to=stops", "--yes", "--max-in-flight", "1"]);
    const told = (await letterId(ids[0]!)).slice(0, 13);
    expect(stopped.code).toBe(1);
    expect(stopped.stdout).toMatch(
      /^Redrive [0-9a-f-]{13} stopped: 3 letters = 0 recovered \+ 1 died again \+ 2 waiting\.$/m,
    );
    expect(stopped.stdout).toContain("Stopped: 1 letter died again of the cause that it had before: it is not mended.");
    expect(stopped.stdout).toContain(`Told by: ${told}`);
    const [, id = ""] = /Redrive ([0-9a-f-]{36})/.exec(stopped.stderr) ?? [];
    expect(stopped.stdout).toContain(`dlo redrive resume ${id.slice(0, 13)}`);
    expect((await run(["redrive", "show", id, "--outcome", "died_again"])).stdout).toMatch(
      /died_again +the same cause: /,
    );

    for (const one of ids) office.when(one, succeeds);
    const resumed = await run(["redrive", "resume", id]);
    expect(resumed).toMatchObject({ code: 0, stdout: expect.stringContaining(" running: ") as string });
    const followed = await run(["redrive", "show", id, "--follow"]);
    expect(followed.code).toBe(0);
    expect(followed.stdout).toContain("completed: 3 letters = 2 recovered + 1 died again.");
    const rest = await run(["redrive", "--from", id, "--outcome", "died_again", "--yes"]);
    expect(rest).toMatchObject({
      code: 0,
      stdout: expect.stringContaining("completed: 1 letter = 1 recovered.") as string,
    });
  });

  test("a request's id starts it once", async () => {
    const [id] = await dead("once", 1);
    office.when(id!, succeeds);
    const args = ["redrive", "payload.to=once", "--yes", "--request-id", "incident-512", "-o", "json"];
    const [first, second] = [await run(args), await run(args)];
    expect([second.code, second.stdout]).toEqual([first.code, first.stdout]);
    expect((JSON.parse(first.stdout) as Redrive).counts).toMatchObject({ items: 1, recovered: 1 });
    expect(office.runs(id!)).toBe(2);
  });
});

describe("which letters, with which input", () => {
  test("ids come from a file or a pipe", async () => {
    const ids = await dead("by-id", 3);
    for (const id of ids) office.when(id, succeeds);
    const folder = await folderWith({ ids: `${await letterId(ids[0]!)}\n\n` });
    const one = await run(["redrive", "--ids", "ids", "--yes"], { cwd: folder });
    expect(one.stdout).toContain("completed: 1 letter = 1 recovered.");
    const listed = (await run(["list", "payload.to=by-id status:open", "-o", "jsonl"])).stdout;
    const rest = await run(["redrive", "--ids", "-", "--yes", "--rate", "100"], { input: listed });
    expect(rest.stdout).toContain("completed: 2 letters = 2 recovered.");
    expect((await run(["redrive", "--ids", "-", "--yes"], { input: "by-id-0" })).stderr).toContain(
      '"by-id-0" is no whole id of a letter',
    );
  });

  test("each input is changed by a patch, a file of one, or by an amendment of the office, and shown before", async () => {
    const atBobs: Behaviour = ({ to }) => {
      if (to !== "bob") throw Object.assign(new Error("the road is closed"), { code: "ECONNREFUSED" });
    };
    const patch = JSON.stringify([{ op: "replace", path: "/to", value: "bob" }]);
    const folder = await folderWith({ "patch.json": patch });
    for (const [i, amend] of [patch, "@patch.json", "toBob"].entries()) {
      const batch = `amend-${i}`;
      const ids = await dead(batch, 2, atBobs);
      const args = ["redrive", `payload.to=${batch}`, "--amend", amend];
      const looked = await run([...args, "--dry-run"], { cwd: folder });
      expect(looked.stdout).toContain(`    - {"to":"${batch}"}\n    + {"to":"bob"}`);
      const { code, stdout } = await run([...args, "--yes", "--rate", "100"], { cwd: folder });
      expect({ code, stdout }).toMatchObject({ code: 0, stdout: expect.stringContaining("2 recovered.") as string });
      expect(await office.dlo.letters.get(ids[0]!)).toMatchObject({ status: "recovered", payload: { to: "bob" } });
    }
    await dead("amend-none", 1, atBobs);
    const wrong = await run(["redrive", "payload.to=amend-none", "--amend", "toBbo", "--dry-run"]);
    expect(wrong.stdout).toMatch(/would be refused: .*names no amendment "toBbo"\. It knows: toBob/);
  });

  test("a filter of another namespace is refused, and nothing is touched", async () => {
    const refused = await run(["redrive", "payload.to=piped namespace:elsewhere", "--yes"]);
    expect(refused).toMatchObject({ code: 2, stdout: "" });
    expect(refused.stderr).toContain("the filter names another");
  });
});

describe("steered while it runs", () => {
  test("it is held, changed, let go on and ended, and each is signed (promise 9)", async () => {
    const ids = await dead("steered", 4);
    for (const id of ids) office.when(id, succeeds);
    const begun = await run(["redrive", "payload.to=steered", "--yes", "--rate", "0.1", "--detach"]);
    expect(begun).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^Redrive .* has begun\. To follow it: /) as string,
    });
    const [, id = ""] = /Redrive ([0-9a-f-]{36})/.exec(begun.stdout) ?? [];
    const short = id.slice(0, 18);
    const paused = await run(["redrive", "pause", short, "--by", "ann", "--reason", "slow again"]);
    expect(paused).toMatchObject({ code: 0, stdout: expect.stringContaining(" paused: 4 letters = ") as string });
    const changed = await run([
      "redrive",
      "set",
      short,
      "--rate",
      "0.2",
      "--stop-on-same-cause",
      "never",
      "-o",
      "json",
    ]);
    expect(JSON.parse(changed.stdout)).toMatchObject({
      status: "paused",
      limits: { rate: 0.2, stopOnSameCause: null },
    });
    expect((await run(["redrive", "resume", short])).stderr).toContain(`dlo redrive show ${id.slice(0, 13)} --follow`);
    const cancelled = await run(["redrive", "cancel", short, "--reason", "the wrong batch"]);
    expect(cancelled).toMatchObject({ code: 0, stdout: expect.stringContaining(" cancelled: ") as string });
    await until(async () => (await office.dlo.redrives.get(id)).counts.waiting === 0);
    const followed = await run(["redrive", "show", id, "--follow"]);
    expect(followed).toMatchObject({ code: 1, stdout: expect.stringContaining("skipped") as string });
    const late = await run(["redrive", "pause", short]);
    expect(late).toMatchObject({ code: 1, stdout: "" });
    expect(late.stderr).toContain(`Redrive ${id} is cancelled, so "pause" is refused`);
    const { events } = await office.dlo.events.list({
      types: ["redrive_paused", "redrive_changed", "redrive_resumed", "redrive_cancelled"],
      limit: 1000,
    });
    expect(events.filter(({ redriveId }) => redriveId === id).map(({ type, reason }) => [type, reason])).toEqual([
      ["redrive_paused", "slow again"],
      ["redrive_changed", null],
      ["redrive_resumed", null],
      ["redrive_cancelled", "the wrong batch"],
    ]);
  });

  test("an id that is not there, or fits several, is said", async () => {
    const none = await run(["redrive", "show", "ffffffff"]);
    expect(none).toMatchObject({ code: 1, stdout: "" });
    expect(none.stderr).toContain("There is no redrive ffffffff. To see those there are: dlo redrive list");
  });

  test("Ctrl-C ends the showing, not the redrive, and says how to go on", async () => {
    const ids = await dead("left", 3);
    for (const id of ids) office.when(id, succeeds);
    const env = environmentOf(office);
    const showing = background(["redrive", "payload.to=left", "--yes", "--rate", "0.1"], { cwd: tmpdir(), env });
    await showing.says("  running  ");
    expect(await showing.stop("SIGINT")).toBe(0);
    const [, id = ""] = /Redrive ([0-9a-f-]{36})/.exec(showing.said()) ?? [];
    expect(showing.said()).toMatch(/^Redrive [0-9a-f-]{13} running: 3 letters = /m);
    expect(showing.said()).toContain("It goes on by itself. To follow it: ");
    expect(showing.said()).toContain(`dlo redrive show ${id.slice(0, 13)} --follow`);
    expect((await office.dlo.redrives.get(id)).status).toBe("running");

    const again = background(["redrive", "show", id, "--follow"], { cwd: tmpdir(), env });
    await again.says("  running  ");
    await run(["redrive", "set", id, "--rate", "500"]);
    await again.says("completed: 3 letters = 3 recovered.");
  });

  test(
    "on a terminal it asks, and shows a bar, speed and outcomes until Ctrl-C",
    { skip: spawnSync("bash", ["-c", "command -v script"]).status !== 0 },
    async () => {
      const ids = await dead("seen", 3);
      for (const id of ids) office.when(id, succeeds);
      const args = "redrive payload.to=seen --rate 0.1";
      const terminal = shell(
        `exec script --quiet --return --command 'stty cols 90 rows 30; exec "${process.execPath}" "${command}" ${args}' /dev/null`,
        environmentOf(office),
      );
      await until(() => terminal.said().includes("Retry 3 dead letters, 0.1 a second?"));
      terminal.types("y");
      await until(() => stripVTControlCharacters(terminal.said()).includes("recovered 1 · waiting 2"));
      const said = stripVTControlCharacters(terminal.said());
      expect(said).toMatch(/running {2}0\.1 a second, 0 of at most 100 under way/);
      expect(said).toMatch(/█+[▏▎▍▌▋▊▉]?·+ {2}1 of 3, /);
      terminal.types("\u0003");
      await until(() => terminal.said().includes("It goes on by itself."));
      expect(await terminal.ended).toBe(0);
      const [, id = ""] = /Redrive ([0-9a-f-]{36})/.exec(said) ?? [];
      expect((await office.dlo.redrives.get(id)).status).toBe("running");
      await run(["redrive", "cancel", id]);
    },
  );
});

describe("acting commands with --filter", () => {
  test("several letters are a redrive with that command, which a dry run shows", async () => {
    const ids = await dead("closed", 3, needsPerson);
    const filter = ["--filter", "payload.to=closed"];
    const looked = await run(["discard", ...filter, "--dry-run"]);
    expect(looked).toMatchObject({
      code: 0,
      stdout: expect.stringContaining("Would discard 3 dead letters") as string,
    });
    expect((await run(["discard", ...filter])).stderr).toContain("dlo discard closes letters, and nobody can be asked");
    const extended = await run(["extend", ...filter, "45 days", "--yes"]);
    expect(extended.stdout).toMatch(/^Redrive [0-9a-f-]{13} completed: 3 letters = 3 done\.$/);
    expect((await office.dlo.letters.get(ids[0]!)).retentionMs).toBe(45 * 86_400_000);
    const discarded = await run(["discard", ...filter, "--yes", "--by", "ann", "--reason", "a test"]);
    expect(discarded).toMatchObject({ code: 0, stdout: expect.stringContaining("3 letters = 3 done.") as string });
    for (const id of ids)
      expect(await office.dlo.letters.get(id)).toMatchObject({ status: "discarded", closeReason: "a test" });
    expect((await run(["redrive", "list", "--limit", "1"])).stdout).toMatch(/discard payload\.to="?closed/);
    // Notes are for closed letters, too.
    const noted = await run(["note", ...filter, "part of incident 512", "--yes"]);
    expect(noted.stdout).toContain("3 letters = 3 done.");
    const { events } = await office.dlo.letters.story(await letterId(ids[0]!));
    expect(events.at(-1)).toMatchObject({ type: "noted", data: { text: "part of incident 512" } });
  });

  test("retry takes those that need a person, too, with a new input where one is given", async () => {
    const ids = await dead("named", 2, ({ to }) => {
      if (to !== "bob") throw new Error(`nobody at home: ${to}`);
    });
    const filter = ["--filter", "payload.to=named", "--yes"];
    expect((await run(["retry", ...filter, "--edit"])).stderr).toContain("--edit is for one");
    const refused = await run(["retry", ...filter, "--input", '{"to":7}']);
    expect(refused).toMatchObject({ code: 1, stdout: expect.stringContaining("+ 2 refused.") as string });
    expect(ids.map((id) => office.runs(id))).toEqual([1, 1]);
    const given = await run(["retry", ...filter, "--input", '{"to":"bob"}', "--no-wait", "-o", "json"]);
    expect(given).toMatchObject({ code: 0, stderr: expect.stringMatching(/^Target: .*$/) as string });
    const { id } = JSON.parse(given.stdout) as Redrive;
    await until(async () => (await office.dlo.redrives.get(id)).status === "completed");
    expect((await itemsOf(id)).map(({ state }) => state)).toEqual(["recovered", "recovered"]);
  });

  test("amend changes each one's own input", async () => {
    const ids = await dead("patched", 2);
    const patch = '[{"op":"replace","path":"/to","value":"bob"}]';
    const filter = ["--filter", "payload.to=patched", "--yes"];
    expect((await run(["amend", ...filter])).stderr).toContain("What is the new input?");
    const { code, stdout } = await run(["amend", ...filter, "--patch", patch]);
    expect({ code, stdout }).toMatchObject({
      code: 0,
      stdout: expect.stringContaining("2 letters = 2 done.") as string,
    });
    for (const id of ids)
      expect(await office.dlo.letters.get(id)).toMatchObject({ status: "parked", retries: 0, payload: { to: "bob" } });
  });

  test("one letter is taken by itself, and a retry for later one by one", async () => {
    const [id] = await dead("single", 1);
    const single = await run(["extend", "--filter", "payload.to=single", "45 days", "--yes"]);
    expect(single.stderr).toContain("Target: ");
    expect(single.stdout).toContain("(in 45 days)");
    const ids = await dead("later", 2);
    const later = await run(["retry", "--filter", "payload.to=later", "--after", "2 hours", "--yes"]);
    expect(later.stderr).toContain("2 retried.");
    for (const one of [id!, ...ids]) expect(office.runs(one)).toBe(1);
  });
});
