import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { z } from "zod";
import { defineJob } from "../../model/index.ts";
import { openWorld, until, type World } from "../setup/world.ts";
import { dlo, environmentOf, folderWith, type Ran, type RunOptions } from "./dlo.ts";
import { deadPayment, takesPayments } from "./payments.ts";

vi.setConfig({ testTimeout: 120_000 });

let world: World;
let run: (args: readonly string[], options?: RunOptions) => Promise<Ran>;

beforeAll(async () => {
  world = await openWorld();
  await world.office({ redact: ["note"] });
  await world.worker({ jobs: [takesPayments] });
  run = async (args, { env = {}, ...options } = {}) =>
    await dlo(args, { cwd: tmpdir(), ...options, env: { ...environmentOf(world), ...env } });
});
afterAll(async () => await world.close());

describe("looking", () => {
  test("list shows what died, as a table and for programs", async () => {
    const { id, order } = await deadPayment(world);
    const table = await run(["list", "--key", `order ${order}`]);
    expect(table).toMatchObject({ code: 0, stderr: "" });
    expect(table.stdout.split("\n")[0]).toMatch(
      /^ID\s+STATUS\s+JOB\s+ABOUT\s+CATEGORY\s+ERROR\s+DEATHS\s+FAILED\s+EXPIRES$/,
    );
    expect(table.stdout.split("\n")[1]).toMatch(
      new RegExp(
        `^${id.slice(0, 13)}\\S*\\s+parked\\s+take-payment\\s+order ${order}\\s+network\\s+Error: order ${order} did not get through\\s+1\\s+.*in 30d$`,
      ),
    );
    const json = JSON.parse((await run(["list", "--key", `order ${order}`, "-o", "json"])).stdout) as Record<
      string,
      unknown
    >[];
    expect(json).toMatchObject([
      { id, status: "parked", errorType: "Error", payload: { order, mode: "unreachable" }, attempts: 2 },
    ]);
    expect(json[0]!["failedAt"]).toMatch(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
    const jsonl = (await run(["list", "--key", `order ${order}`, "--output", "jsonl"])).stdout;
    expect(jsonl.split("\n").map((line) => (JSON.parse(line) as { id: string }).id)).toEqual([id]);
  });

  test("list pages on by the cursor that it names", async () => {
    const newer = [await deadPayment(world), await deadPayment(world)].toReversed();
    const first = await run(["list", "--limit", "1", "-o", "jsonl"]);
    expect(JSON.parse(first.stdout)).toMatchObject({ id: newer[0]!.id });
    const cursor = /--after (\S+)/.exec(first.stderr)![1]!;
    const second = await run(["list", "--limit", "1", "--after", cursor, "-o", "jsonl"]);
    expect(JSON.parse(second.stdout)).toMatchObject({ id: newer[1]!.id });
  });

  test("an empty list is no error", async () => {
    const { code, stdout } = await run(["list", "--job", "nobody"]);
    expect(code).toBe(0);
    expect(stdout).toContain("No dead letters like that");
  });

  test("letters of another namespace are not shown", async () => {
    await deadPayment(world);
    expect((await run(["list", "--namespace", "somewhere-else"])).stdout).toContain("No dead letters");
  });

  test("show tells the whole story", async () => {
    const { id, workflowId, order } = await deadPayment(world, "unreachable", "a secret");
    await world.dlo.letters.note(id, { text: "asked the bank", by: "ann", reason: "it is slow" });
    const { code, stdout } = await run(["show", workflowId, "--ui", "http://ui.example/"]);
    expect(code).toBe(0);
    for (const part of [
      `take-payment ${workflowId} is parked`,
      `Error: order ${order} did not get through`,
      "its attempts are used up (exhausted)",
      "network, transient",
      "caused by Error (ECONNREFUSED): connect ECONNREFUSED",
      "payments.ts:",
      "attempt 1:",
      "attempt 2:",
      `"order": ${order}`,
      `"note": "[redacted]"`,
      `"tenant": "acme"`,
      `note by ann, "asked the bank": it is slow`,
      `http://ui.example/namespaces/${world.namespace}/workflows/dead-letter%2F${encodeURIComponent(workflowId)}`,
      `dlo retry ${id.slice(0, 13)}`,
    ])
      expect(stdout).toContain(part);
    expect(stdout).not.toContain("a secret");
    expect(stdout).toMatch(/Expires +\d{4}-\d\d-\d\d [\d:]+ UTC \(in 30 days\)/);
  });

  test("show for programs has the columns, the story and the links", async () => {
    const { id, order } = await deadPayment(world, "wrong");
    const { stdout } = await run(["show", id, "-o", "json"], { env: { DLO_UI_URL: "http://ui.example" } });
    expect(JSON.parse(stdout)).toMatchObject({
      id,
      reason: "given_up",
      category: "data",
      payload: { order, mode: "wrong" },
      story: {
        deaths: [{ n: 1, attempts: 1, attemptRows: [{ n: 1, state: "failed" }] }],
        events: [{ type: "parked" }],
      },
      links: { job: expect.stringContaining("http://ui.example/namespaces/") as string },
    });
  });

  test("an id that fits several letters names them; one that fits none says where to look", async () => {
    const { id } = await deadPayment(world);
    await deadPayment(world);
    const ambiguous = await run(["show", id.slice(0, 4)]);
    expect(ambiguous).toMatchObject({ code: 2, stdout: "" });
    expect(ambiguous.stderr).toContain("fits several dead letters");
    const none = await run(["show", "ffff"]);
    expect(none.code).toBe(1);
    expect(none.stderr).toContain("To see those there are: dlo list");
  });
});

describe("acting", () => {
  test("an amended letter recovers by its retry, and the story says who and why", async () => {
    const { id, order } = await deadPayment(world, "unreachable", "kept");
    const amended = await run([
      "amend",
      id,
      "--input",
      JSON.stringify({ order, mode: "fine" }),
      "--by",
      "ann",
      "--reason",
      "wrong mode",
    ]);
    expect(amended.code).toBe(0);
    expect(amended.stderr).toMatch(new RegExp(`^Target: ${world.address}, namespace ${world.namespace} `));
    const shown = (await run(["show", id])).stdout;
    expect(shown).toContain("Amended; from the original it differs in:");
    expect(shown).toContain(`-   "mode": "unreachable"`);
    expect(shown).toContain(`+   "mode": "fine"`);
    const retried = await run(["retry", id.slice(0, 23), "--wait"]);
    expect(retried).toMatchObject({ code: 0, stdout: expect.stringContaining("Recovered: take-payment") as string });
    const { stderr, stdout: story } = await run(["show", id]);
    expect(stderr).toBe("");
    expect(story).toContain("is recovered");
    expect(story).toContain("input amended by ann: wrong mode");
    expect(story).toContain("recovered (");
  });

  test("a retry that is waited for and dies again ends with 1", async () => {
    const { id, order } = await deadPayment(world);
    const { code, stdout } = await run(["retry", id, "--wait"]);
    expect(code).toBe(1);
    expect(stdout).toContain("Died again (network)");
    expect(stdout).toContain(`order ${order} did not get through`);
  });

  test("off a terminal a retry returns once it runs, and says so for programs", async () => {
    const { id } = await deadPayment(world);
    const { code, stdout } = await run(["retry", id, "-o", "json"]);
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ id, retries: 1 });
  });

  test("--after puts the retry off", async () => {
    const { id } = await deadPayment(world);
    const { code, stdout } = await run(["retry", id, "--after", "2 hours"]);
    expect(code).toBe(0);
    expect(stdout).toContain("will run again at");
    expect((await run(["show", id])).stdout).toContain("not before its retry");
  });

  test("an input that the job refuses changes nothing", async () => {
    const { id } = await deadPayment(world);
    const { code, stdout, stderr } = await run(["retry", id, "--input", '{"order":"seven"}']);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toContain("order: ");
    expect(stderr).toContain("mode: ");
    expect((await world.dlo.letters.get(id)).retries).toBe(0);
  });

  test("a new input comes from a file or a pipe", async () => {
    const [one, two] = [await deadPayment(world), await deadPayment(world)];
    const folder = await folderWith({ "input.json": JSON.stringify({ order: one.order, mode: "fine" }) });
    expect((await run(["retry", one.id, "--input", "@input.json", "--wait"], { cwd: folder })).stdout).toContain(
      "Recovered",
    );
    const input = JSON.stringify({ order: two.order, mode: "fine" });
    expect((await run(["retry", two.id, "--input", "-", "--wait"], { input })).stdout).toContain("Recovered");
  });

  test("--edit opens the input in the editor, shows what changed, and keeps what is hidden", async () => {
    const { id } = await deadPayment(world, "unreachable", "a secret");
    const folder = await folderWith({
      editor: `#!/bin/sh\ngrep -q '\\[redacted\\]' "$1" && sed -i 's/unreachable/fine/' "$1"\n`,
    });
    const { code, stdout, stderr } = await run(["retry", id, "--edit", "--wait"], {
      env: { EDITOR: `${folder}/editor` },
    });
    expect(stderr).toContain(`-   "mode": "unreachable"`);
    expect(stderr).toContain(`+   "mode": "fine"`);
    expect(stderr).not.toContain("a secret");
    expect({ code, stdout }).toEqual({ code: 0, stdout: expect.stringContaining("Recovered") as string });
    const { runId } = (await world.dlo.letters.story(id)).events.find(({ type }) => type === "recovered")!;
    const history = await world.dlo.temporal.workflow
      .getHandle((await world.dlo.letters.get(id)).workflowId, runId!)
      .fetchHistory();
    const started = history.events![0]!.workflowExecutionStartedEventAttributes!;
    expect(Buffer.from(started.input!.payloads![0]!.data!).toString()).toContain("a secret");
  });

  test("--edit without a change, or with what is no JSON, does nothing off a terminal", async () => {
    const { id } = await deadPayment(world);
    const unchanged = await run(["retry", id, "--edit"], { env: { EDITOR: "true" } });
    expect(unchanged).toMatchObject({ code: 2, stdout: "" });
    expect(unchanged.stderr).toContain("The input was not changed");
    const folder = await folderWith({ editor: `#!/bin/sh\necho oops > "$1"\n` });
    const broken = await run(["amend", id, "--edit"], { env: { VISUAL: `${folder}/editor` } });
    expect(broken).toMatchObject({ code: 2, stdout: "" });
    expect(broken.stderr).toContain("The edited input is no JSON");
    expect((await run(["amend", id, "--edit"], { env: { EDITOR: "false" } })).stderr).toContain("nothing was changed");
    expect(await world.dlo.letters.get(id)).toMatchObject({ retries: 0, revision: 0 });
  });

  test("extend sets the retention from now, or holds the letter", async () => {
    const { id } = await deadPayment(world);
    expect((await run(["extend", id, "60d"])).stdout).toMatch(/expires .* \(in 60 days\)/);
    expect((await run(["extend", id, "indefinite"])).stdout).toContain("is held until somebody acts");
    expect((await world.dlo.letters.get(id)).expiresAt).toBeNull();
  });

  test("expire and discard close with --yes, and a closed letter takes a note but nothing else", async () => {
    const [one, two] = [await deadPayment(world), await deadPayment(world)];
    expect(await run(["expire", one.id, "--yes"])).toMatchObject({
      code: 0,
      stdout: expect.stringContaining(": expired.") as string,
    });
    expect(await run(["discard", two.id, "--yes", "--reason", "a test"])).toMatchObject({
      code: 0,
      stdout: expect.stringContaining(": discarded.") as string,
    });
    expect((await run(["note", two.id, "was a test"])).code).toBe(0);
    expect((await run(["show", two.id])).stdout).toContain(', "was a test"');
    const refused = await run(["retry", two.id]);
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain("is closed (discarded)");
  });

  test("ids come from a pipe; one that is refused does not hold up the others", async () => {
    const { order, id } = await deadPayment(world, "wrong");
    const closed = await deadPayment(world, "wrong");
    await world.dlo.letters.discard(closed.id);
    const listed = (await run(["list", "--category", "data", "-o", "jsonl"])).stdout;
    expect(listed).toContain(id);
    const input = `${closed.id}\n${JSON.stringify({ id })}\n`;
    const { code, stdout, stderr } = await run(["extend", "-", "45 days", "--by", "ann"], { input });
    expect(code).toBe(1);
    expect(stderr).toContain("is closed (discarded)");
    expect(stderr).toContain("1 extended, 1 not.");
    expect(stdout).toContain("in 45 days");
    const noted = await run(["note", "-", "seen", "-o", "jsonl"], {
      input: (await run(["list", "--key", `order ${order}`, "-o", "json"])).stdout,
    });
    expect(noted).toMatchObject({ code: 0, stdout: expect.stringContaining(`"id":"${id}"`) as string });
    expect((await world.dlo.letters.story(id)).events.at(-1)).toMatchObject({ type: "noted", data: { text: "seen" } });
  });

  test("what one letter of a list cannot mean is its own refusal, and the others have their turn", async () => {
    const [one, two] = [await deadPayment(world), await deadPayment(world)];
    const refused = await run(["retry", one.id, two.id, "--from-failure"]);
    expect(refused).toMatchObject({ code: 1, stdout: "" });
    for (const { id } of [one, two]) expect(refused.stderr).toContain(`Dead letter ${id} is a job's`);
    expect(refused.stderr).toContain("0 retried, 2 not.");
    const elsewhere = await run(["move", one.id, two.id, "--to", "by-hand", "--namespace", "default"]);
    expect(elsewhere.code).toBe(1);
    for (const { id } of [one, two]) expect(elsewhere.stderr).toContain(`Dead letter ${id} is in namespace`);
    expect(elsewhere.stderr).toContain("0 moved, 2 not.");
  });

  test("what no letter can be asked ends the list before the first is", async () => {
    const [one, two] = [await deadPayment(world), await deadPayment(world)];
    const { code, stderr } = await run(["move", one.id, two.id, "--to", ""]);
    expect(code).toBe(2);
    expect(stderr).toContain("0 moved, 2 not tried.");
  });

  test("the same request id is carried out once", async () => {
    const { id } = await deadPayment(world);
    for (let i = 0; i < 2; i++) expect((await run(["note", id, "once", "--request-id", "request-1"])).code).toBe(0);
    expect((await world.dlo.letters.story(id)).events.filter(({ type }) => type === "noted")).toHaveLength(1);
  });

  test("while Temporal is down the tables still answer, and commands say so", async () => {
    const { id, order } = await deadPayment(world);
    const env = { TEMPORAL_ADDRESS: "127.0.0.1:1" };
    expect((await run(["list", "--key", `order ${order}`], { env })).stdout).toContain(id.slice(0, 13));
    expect((await run(["show", id], { env })).stdout).toContain(`order ${order} did not get through`);
    const { code, stderr } = await run(["retry", id], { env });
    expect(code).toBe(1);
    expect(stderr).toContain("Temporal cannot be reached");
  });
});

describe("an office of another name", () => {
  let theirs: World;
  let configured: string;
  const office = "refunds-office";
  const refund = defineJob({
    name: "refund",
    input: z.object({}),
    activity: { retry: { maximumAttempts: 1 } },
    deadLetter: { office },
  });
  const ask = async (args: readonly string[], options: RunOptions = {}) =>
    await dlo(args, { cwd: configured, ...options, env: environmentOf(theirs) });
  const letterOf = async (id: string) => await theirs.dlo.letters.get(id);
  const keeperOf = async (id: string) =>
    (await theirs.dlo.temporal.workflow.getHandle(`dead-letter/${id}`).describe()).taskQueue;

  beforeAll(async () => {
    theirs = await openWorld();
    await theirs.office({ office });
    await theirs.worker({ jobs: [refund.handle(() => Promise.reject(new Error("declined")))] });
    for (const id of ["refund-1", "refund-2"])
      await (await theirs.dlo.start(refund, {}, { id })).result().catch(() => undefined);
    await until(async () => (await theirs.dlo.letters.list("job:refund")).letters.length === 2);
    configured = await mkdtemp(join(tmpdir(), "dlo-office-"));
    await writeFile(join(configured, "dlo.config.mjs"), `export default { office: "${office}" };`);
  });
  afterAll(async () => {
    await theirs?.close();
    await rm(configured, { recursive: true, force: true });
  });

  test.each([
    ["retry"],
    ["amend", "--patch", '{"op":"add","path":"/to","value":"ann"}'],
    ["extend", "60 days"],
    ["move", "--to", "by-hand"],
    ["run-code", "--code", "onDead"],
    ["apply-policy"],
    ["note", "seen"],
    ["expire"],
    ["discard"],
  ])("dlo %s --filter asks the office that --office names", async (name, ...more) => {
    const args = [name, "--filter", "job:refund", ...more, "--office", office, "--dry-run", "-o", "json"];
    const { code, stdout, stderr } = await ask(args, { cwd: tmpdir() });
    expect({ code, stderr: code === 0 ? "" : stderr }).toEqual({ code: 0, stderr: "" });
    expect(JSON.parse(stdout)).toMatchObject({ takes: 2 });
  });

  test("the configuration's is asked where no flag names one, and --office goes before it", async () => {
    const discarded = await ask(["discard", "--filter", "job:refund", "--yes"]);
    expect(discarded).toMatchObject({ code: 0, stdout: expect.stringMatching(/2 done|done 2/) as string });
    await writeFile(join(configured, "other.config.mjs"), `export default { office: "nobody's" };`);
    const other = ["--config", "other.config.mjs", "--office", office];
    const reopened = await ask(["reopen", "--filter", "job:refund status:discarded", "--yes", ...other]);
    expect(reopened).toMatchObject({ code: 0, stdout: expect.stringMatching(/2 done|done 2/) as string });
    for (const id of ["refund-1", "refund-2"]) {
      expect((await letterOf(id)).status).toBe("parked");
      expect(await keeperOf(id)).toBe(office);
    }
    await theirs.dlo.letters.discard("refund-1");
    expect((await ask(["reopen", "refund-1"])).code).toBe(0);
    expect(await keeperOf("refund-1")).toBe(office);
  });

  test.each([
    ["redrive", "job:refund", "--force"],
    ["prune"],
    ["reconcile"],
    ["adopt", "--query", "WorkflowType = 'Nothing'"],
  ])("dlo %s asks the configuration's, too", async (...args) => {
    const { code, stderr } = await ask([...args, "--dry-run"]);
    expect({ code, stderr: code === 0 ? "" : stderr }).toEqual({ code: 0, stderr: "" });
  });

  test("watches and schedules are those of the configuration's", async () => {
    const { schedule } = theirs.dlo.temporal;
    expect((await ask(["setup"])).code).toBe(0);
    await schedule.getHandle(`${office}/prune`).describe();
    const watch = ["adopt", "--query", "WorkflowType = 'Nothing'", "--watch", "nothing", "--yes"];
    expect((await ask(watch)).code).toBe(0);
    await schedule.getHandle(`${office}/adopt/nothing`).describe();
    await until(async () => (await ask(["adopt", "list", "-o", "json"])).stdout.includes('"nothing"'));
    expect((await ask(["adopt", "stop", "nothing"])).code).toBe(0);
  });

  test("a setup that makes no schedules, or names their office, does without the configuration", async () => {
    const cwd = await folderWith({ "dlo.config.mjs": 'import "not-installed-here";\nexport default {};' });
    expect((await ask(["setup"], { cwd })).code).toBe(2);
    expect((await ask(["setup", "--no-schedules"], { cwd })).code).toBe(0);
    expect((await ask(["setup", "--office", office], { cwd })).code).toBe(0);
  });

  test("import brings letters to the office that is named", async () => {
    const letters = (await ask(["export", "workflow-id:refund-2", "--full"])).stdout;
    await using elsewhere = await openWorld();
    await elsewhere.office({ office });
    const { code } = await dlo(["import", "-", "--office", office], { input: letters, env: environmentOf(elsewhere) });
    expect(code).toBe(0);
    const handle = elsewhere.dlo.temporal.workflow.getHandle("dead-letter/refund-2");
    expect(await handle.query("state")).toMatchObject({ status: "parked" });
  });
});
