import { afterAll, afterEach, beforeAll, expect, test, vi } from "vitest";
import { z } from "zod";
import { deliveryType } from "../../model/event-delivery.ts";
import { defineJob, type HookEvent, type Hooks } from "../../model/index.ts";
import { examine } from "../../setup/doctor.ts";
import type { RunningWorker } from "../../worker/index.ts";
import { openHookServer } from "../setup/hook-server.ts";
import { openWorld, until, type World } from "../setup/world.ts";
import { temporalCommand } from "./temporal-command.ts";

// Hooks: an office tells of events, once each, whatever fails meanwhile.

vi.setConfig({ testTimeout: 60_000 });

const job = defineJob({
  name: "pay",
  input: z.object({ why: z.string(), message: z.string() }),
  activity: { retry: { maximumAttempts: 1 } },
});

let world: World;
const offices: RunningWorker[] = [];

beforeAll(async () => {
  world = await openWorld();
  await world.worker({
    jobs: [
      job.handle(({ why, message }) => {
        throw Object.assign(new Error(message), { name: why });
      }),
    ],
  });
});
afterEach(async () => {
  for (const office of offices.splice(0)) await office.stop();
  await world.sql`delete from dlo.cursors`;
});
afterAll(async () => await world.close());

async function openOffice(on: Hooks): Promise<RunningWorker> {
  const office = await world.office({ on });
  offices.push(office);
  // A hook begins with what happens once its place is kept.
  await until(async () => {
    const kept = await places();
    return Object.keys(on).every((type) => kept.includes(`hooks/${world.namespace}/dead-letter-office/${type}`));
  });
  return office;
}

async function places(): Promise<string[]> {
  return (await world.sql`select name from dlo.cursors`).map(({ name }) => String(name));
}

/** Starts a job that dies of an error of this type, and returns its letter's id once it is parked. */
async function die(why: string, id = `${why}/${Math.random()}`, message = "it died"): Promise<string> {
  await (await world.dlo.start(job, { why, message }, { id })).result().catch(() => undefined);
  return (await world.dlo.letters.get(id)).id;
}

/** Waits until the hooks have passed all that has happened, so that what was not told by then never will be. */
async function passed(): Promise<void> {
  await until(async () => {
    const [lag] = await world.sql`
      select (select count(*)::int from dlo.events where position is null) as unnumbered,
        (select count(*)::int from dlo.cursors, dlo.office where name like 'hooks/%' and position < last_position) as behind`;
    const { count } = await world.dlo.temporal.workflow.count(
      `WorkflowType = '${deliveryType}' AND ExecutionStatus = 'Running'`,
    );
    return lag!["unnumbered"] === 0 && lag!["behind"] === 0 && count === 0;
  });
}

test("a new cause is told once, however many letters die of it at the same time, and with two offices of the name", async () => {
  const told: HookEvent[] = [];
  await openOffice({ cause_new: (event) => void told.push(event) });
  await openOffice({ cause_new: (event) => void told.push(event) });
  await Promise.all([...Array(12).keys()].map(async () => await die("StormError")));
  await die("OtherError", "other-1");
  await passed();
  expect(told.map(({ cause }) => cause!.errorType).toSorted()).toEqual(["OtherError", "StormError"]);
  const other = told.find(({ cause }) => cause?.errorType === "OtherError")!;
  expect(other).toMatchObject({
    id: `dlo-event/dead-letter-office/${other.position}/cause_new`,
    type: "cause_new",
    office: "dead-letter-office",
    namespace: world.namespace,
    by: null,
    cause: { title: "OtherError: it died", state: "open", open: 1, deaths: 1, jobs: ["pay"], owner: null },
    letter: { workflowId: "other-1", job: "pay", status: "parked", errorMessage: "it died", attempts: 1, deaths: 1 },
    links: null,
  });
  expect(other.at).toBeInstanceOf(Date);
});

test("a hook that fails is told again until it takes it, and the doctor says meanwhile that it fails", async () => {
  const attempts: number[] = [];
  let broken = true;
  await openOffice({
    cause_new: (_, { attempt, signal }) => {
      attempts.push(attempt);
      expect(signal.aborted).toBe(false);
      if (broken) throw new Error("the pager is off");
    },
  });
  await die("FlakyError");
  await until(async () => !(await hooksCheck()).ok);
  expect((await hooksCheck()).detail).toContain("the pager is off");
  broken = false;
  await until(async () => (await hooksCheck()).ok);
  await passed();
  expect(attempts.length).toBeGreaterThan(1);
  expect(attempts).toEqual(attempts.map((_, n) => n + 1));
});

test("what happens while no office runs is told by the next one, and nothing twice", async () => {
  const told: string[] = [];
  const hooks: Hooks = { cause_new: ({ cause }) => void told.push(cause!.errorType) };
  const first = await openOffice(hooks);
  await die("BeforeError");
  await passed();
  await first.stop();
  // As by an office whose own hooks are others: this one's place stays.
  await world.sql`insert into dlo.causes (id, fingerprint, version, title, error_type, first_seen_at)
    values (gen_random_uuid(), 'f', 1, 'meanwhile', 'MeanwhileError', now())`;
  await world.sql`insert into dlo.events (cause_id, namespace, type, data)
    select id, ${world.namespace}, 'cause_new', '{}' from dlo.causes where error_type = 'MeanwhileError'`;
  await openOffice(hooks);
  await die("AfterError");
  await passed();
  // Deliveries go their own ways, so the last two may change places.
  expect(told.toSorted()).toEqual(["AfterError", "BeforeError", "MeanwhileError"]);
});

test("a cause that was resolved and kills again is told as returned, once", async () => {
  const told: HookEvent[] = [];
  await openOffice({ cause_returned: (event) => void told.push(event) });
  const letterId = await die("BackError");
  const { causeId } = await world.dlo.letters.get(letterId);
  await world.dlo.causes.resolve(causeId, { by: "ann" });
  await world.dlo.causes.assign(causeId, { owner: "bob" });
  await Promise.all([die("BackError"), die("BackError"), die("BackError")]);
  await passed();
  expect(told).toMatchObject([
    {
      type: "cause_returned",
      cause: { id: causeId, returned: "regression", owner: "bob", open: 4 },
      letter: { job: "pay" },
    },
  ]);
});

test("a hook that is added later begins with what happens then; so does one that was away for more than a day", async () => {
  const told: string[] = [];
  const first = await openOffice({});
  await die("EarlyError");
  await first.stop();
  const hook: Hooks = { cause_new: ({ cause }) => void told.push(cause!.errorType) };
  const second = await openOffice(hook);
  await die("LateError");
  await passed();
  await second.stop();
  const third = await openOffice({});
  await die("UnwatchedError");
  await third.stop();
  await world.sql`update dlo.cursors set moved_at = now() - interval '25 hours'`;
  const fourth = await openOffice({});
  await until(async () => (await places()).length === 0);
  await fourth.stop();
  await openOffice(hook);
  await die("WatchedError");
  await passed();
  expect(told).toEqual(["LateError", "WatchedError"]);
});

test("an office forgets no places but its own, and none that another of its name may still follow", async () => {
  const [name, long] = [`hooks/${world.namespace}/dead-letter-office/`, "now() - interval '25 hours'"];
  const place = async (rest: string, position: string, movedAt: string) =>
    await world.sql`insert into dlo.cursors (name, position, moved_at)
      select ${name + rest}, ${world.sql.unsafe(position)}, ${world.sql.unsafe(movedAt)} from dlo.office`;
  const first = await openOffice({});
  await die("PassedByError");
  await until(async () => (await world.sql`select from dlo.office where last_position > 1`).length > 0);
  await first.stop();
  await place("eu/parked", "0", long);
  // Of a configuration that is being rolled out; of one that is there, where nothing has happened for a day.
  await place("died_again", "0", "now()");
  await place("expired", "last_position", long);
  await place("recovered", "0", long);
  await openOffice({ noted: () => undefined });
  await until(async () => !(await places()).includes(`${name}recovered`));
  expect((await places()).toSorted()).toEqual(
    ["died_again", "eu/parked", "expired", "noted"].map((rest) => name + rest),
  );
});

test("the summary of a delivery stays within Temporal's limit, however many bytes the error's message has", async () => {
  const told: HookEvent[] = [];
  await openOffice({ parked: (event) => void told.push(event) });
  await die("LongError", "many-bytes", "死".repeat(300));
  await until(() => told.length > 0);
  const run = await world.dlo.temporal.workflow.getHandle(told[0]!.id).describe();
  const summary = await run.staticSummary();
  expect(summary).toMatch(/^parked · pay: LongError: 死+$/);
  expect(Buffer.byteLength(summary!)).toBeLessThanOrEqual(200);
});

test("events of other namespaces are their own offices' to tell", async () => {
  const told: unknown[] = [];
  await openOffice({ noted: ({ data }) => void told.push(data) });
  const letterId = await die("NotedError");
  await world.sql`insert into dlo.events (letter_id, namespace, type, data) values (${letterId}, 'elsewhere', 'noted', '{"text":"theirs"}')`;
  await world.dlo.letters.note(letterId, { text: "ours" });
  await passed();
  expect(told).toEqual([{ text: "ours" }]);
});

test("an address is sent the event as JSON, with the key of its delivery and links to Web UI", async () => {
  await using server = await disposable(openHookServer());
  vi.stubEnv("DLO_UI_URL", "http://127.0.0.1:8233/");
  try {
    await openOffice({ cause_new: `${server.url.replace("http://", "http://ann:50%25%20off%@")}/hook?token=1` });
  } finally {
    vi.unstubAllEnvs();
  }
  await die("PostedError", "posted-1");
  await until(() => server.posted.length > 0);
  await passed();
  expect(server.posted).toHaveLength(1);
  const [{ path, method, headers, body }] = server.posted as [(typeof server.posted)[number]];
  const event = JSON.parse(body) as { id: string; at: string };
  expect({ path, method }).toEqual({ path: "/hook?token=1", method: "POST" });
  expect(headers).toMatchObject({
    "content-type": "application/json",
    "idempotency-key": event.id,
    authorization: `Basic ${Buffer.from("ann:50% off%").toString("base64")}`,
  });
  expect(event).toMatchObject({
    type: "cause_new",
    at: expect.stringMatching(/^\d{4}-.*Z$/) as string,
    cause: { title: "PostedError: it died", open: 1 },
    letter: { workflowId: "posted-1", errorType: "PostedError" },
    links: {
      letter: `http://127.0.0.1:8233/namespaces/${world.namespace}/workflows/dead-letter%2Fposted-1`,
    },
  });
  const run = await world.dlo.temporal.workflow.getHandle(event.id).describe();
  expect(await run.staticSummary()).toBe("cause_new · PostedError: it died");
});

test("no success is tried again, redirects are not followed, and a refusal is final and tells no secret", async () => {
  const answers = [500, 302, 429, 204];
  await using flaky = await disposable(openHookServer(() => answers.shift() ?? 204));
  let refusal = 410;
  await using refusing = await disposable(openHookServer(() => refusal));
  const told: string[] = [];
  const hooks = [`${flaky.url}/a`, `${refusing.url}/secret-path`, ({ type }: HookEvent) => void told.push(type)];
  await openOffice({ cause_new: hooks });
  await die("FussyError");
  await until(async () => (await hooksCheck()).detail.includes("with 410 Gone"));
  expect(flaky.posted.map(({ path }) => path)).toEqual(["/a", "/a", "/a", "/a"]);
  expect(new Set(flaky.posted.map(({ headers }) => headers["idempotency-key"])).size).toBe(1);
  // The one that refuses holds up no other.
  expect(refusing.posted).toHaveLength(1);
  expect(told).toEqual(["cause_new"]);
  const { ok, detail, mend } = await hooksCheck();
  expect(ok).toBe(false);
  expect(detail).toContain(`${refusing.url} answered the event with 410 Gone`);
  expect(detail).not.toContain("secret-path");

  // Corrected, it is delivered once more by the command that the doctor names.
  refusal = 200;
  const [, command, reason] =
    /temporal (workflow reset --workflow-id \S+ --type FirstWorkflowTask) --reason "(.*)"$/.exec(mend!)!;
  const reset = await temporalCommand(world, ...command!.split(" "), "--reason", reason!);
  expect(reset).toMatchObject({ code: 0 });
  await until(() => refusing.posted.length === 2);
  expect(refusing.posted[1]!.headers["idempotency-key"]).toBe(refusing.posted[0]!.headers["idempotency-key"]);
});

async function hooksCheck() {
  const { checks } = await examine(world.dlo.target, { office: "dead-letter-office", jobTaskQueues: ["jobs"] });
  return checks.find(({ what }) => what === "hooks")!;
}

async function disposable<T extends { close(): Promise<void> }>(opening: Promise<T>): Promise<T & AsyncDisposable> {
  const opened = await opening;
  return Object.assign(opened, { [Symbol.asyncDispose]: opened.close });
}
