import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { letterWorkflowId } from "../../model/ids.ts";
import { deliver, gate, openPostOffice, type PostOffice } from "../setup/post-office.ts";
import { until } from "../setup/world.ts";

// The app holds the job's id as well as the letter does: one run at a time, whoever starts it.

// Forty races at once take a while on a machine that has other work.
vi.setConfig({ testTimeout: 120_000 });

let office: PostOffice;
beforeAll(async () => void (office = await openPostOffice()));
afterAll(async () => await office?.close());

test("the app's own run is under way: a retry waits for it, and its success supersedes the letter", async () => {
  const letter = await office.dead("app-1");
  const doorbell = gate<string>();
  office.when("app-1", () => doorbell.opened);
  const run = await office.dlo.start(deliver, { to: "bob" }, { id: "app-1" });
  await until(() => office.runs("app-1") === 2);
  expect(await office.dlo.letters.retry(letter.id, { by: "ann" })).toMatchObject({ status: "parked", retries: 0 });
  doorbell.open("delivered");
  expect(await run.result()).toBe("delivered");
  await until(async () => (await office.dlo.letters.get(letter.id)).status === "superseded");
  expect(await office.events(letter.id)).toEqual(["parked", "retry_asked", "waiting", "superseded"]);
  expect(office.runs("app-1")).toBe(2);
});

test("the app's own run has succeeded: a retry starts nothing and the letter is superseded", async () => {
  const letter = await office.dead("app-2");
  office.when("app-2", () => "delivered");
  await office.dlo.run(deliver, { to: "bob" }, { id: "app-2" });
  await office.dlo.letters.retry(letter.id, { by: "ann" });
  await until(async () => (await office.dlo.letters.get(letter.id)).status === "superseded");
  expect(office.runs("app-2")).toBe(2);
});

test("the app's own run dies too: one death more, and the next retry runs", async () => {
  const letter = await office.dead("app-3");
  const doorbell = gate<string>();
  office.when("app-3", () => doorbell.opened);
  const run = await office.dlo.start(deliver, { to: "bob" }, { id: "app-3" });
  await until(() => office.runs("app-3") === 2);
  await office.dlo.letters.retry(letter.id, { by: "ann" });
  doorbell.fail(new Error("nobody there either"));
  await expect(run.result()).rejects.toMatchObject({ code: "JOB_DIED", details: { letterId: letter.id } });
  await until(async () => (await office.dlo.letters.get(letter.id)).deaths === 2);
  office.when("app-3", ({ to }) => `delivered to ${to}`);
  expect(await office.dlo.letters.retry(letter.id, { by: "ann", waitFor: "30 seconds" })).toMatchObject({
    status: "recovered",
  });
  // The newest run's input is the one that is run again.
  expect(await office.dlo.temporal.workflow.getHandle("app-3").result()).toBe("delivered to bob");
});

test("while a retry runs the app cannot start the id", async () => {
  const letter = await office.dead("app-4");
  const doorbell = gate<string>();
  office.when("app-4", () => doorbell.opened);
  await office.dlo.letters.retry(letter.id, { by: "ann" });
  await expect(office.dlo.start(deliver, { to: "bob" }, { id: "app-4" })).rejects.toMatchObject({
    code: "ALREADY_STARTED",
  });
  doorbell.open("delivered");
  await until(async () => (await office.dlo.letters.get(letter.id)).status === "recovered");
});

test("a retry that somebody terminates is a death, lost", async () => {
  const letter = await office.dead("kill-1");
  const doorbell = gate<string>();
  office.when("kill-1", () => doorbell.opened);
  await office.dlo.letters.retry(letter.id, { by: "ann" });
  await office.dlo.temporal.workflow.getHandle("kill-1").terminate("enough");
  await until(async () => (await office.dlo.letters.get(letter.id)).deaths === 2);
  expect(await office.dlo.letters.get(letter.id)).toMatchObject({ status: "parked", reason: "lost", category: "lost" });
  doorbell.open("too late");
  office.when("kill-1", () => "delivered");
  expect(await office.dlo.letters.retry(letter.id, { by: "ann", waitFor: "30 seconds" })).toMatchObject({
    status: "recovered",
  });
});

test("the app takes the id from a running retry: the letter follows the app's run", async () => {
  const letter = await office.dead("take-1");
  const [mine, theirs] = [gate<string>(), gate<string>()];
  office.when("take-1", (_, { retry }) => (retry === 1 ? mine.opened : theirs.opened));
  await office.dlo.letters.retry(letter.id, { by: "ann" });
  const taken = await office.dlo.temporal.workflow.start("deliver", {
    workflowId: "take-1",
    taskQueue: "jobs",
    args: [{ to: "bob" }],
    workflowIdConflictPolicy: "TERMINATE_EXISTING",
  });
  await until(async () => (await office.dlo.letters.get(letter.id)).deaths === 2);
  theirs.open("delivered by the app");
  expect(await taken.result()).toBe("delivered by the app");
  await until(async () => (await office.dlo.letters.get(letter.id)).status === "superseded");
  mine.open("too late");
});

test("40 races of the app's start against a retry end with one run at a time and a closed letter", async () => {
  const ids = Array.from({ length: 40 }, (_, i) => `race-${i}`);
  const running = new Map<string, number>();
  let most = 0;
  const letters = await Promise.all(ids.map((id) => office.dead(id)));
  for (const id of ids)
    office.when(id, async () => {
      const now = (running.get(id) ?? 0) + 1;
      running.set(id, now);
      most = Math.max(most, now);
      await new Promise((resolve) => setTimeout(resolve, 5));
      running.set(id, now - 1);
      return "delivered";
    });
  await Promise.all(
    letters.flatMap((letter, i) => [
      office.dlo.letters.retry(letter.id, { by: "ann" }),
      office.dlo.temporal.workflow
        .start("deliver", {
          workflowId: ids[i]!,
          taskQueue: "jobs",
          args: [{ to: "bob" }],
          workflowIdReusePolicy: "ALLOW_DUPLICATE_FAILED_ONLY",
        })
        .catch(() => undefined),
    ]),
  );
  await until(async () => {
    const [row] =
      await office.sql`select count(*)::int n from dlo.dead_letters where workflow_id like 'race-%' and status in ('recovered', 'superseded')`;
    return row!["n"] === 40;
  });
  expect(most).toBe(1);
  for (const id of ids) expect(office.runs(id)).toBe(2);
  // The row is closed before the letter ends: a letter that did not end would stay here for ever.
  for (const id of ids)
    await until(
      async () =>
        (await office.dlo.temporal.workflow.getHandle(letterWorkflowId(id)).describe()).status.name === "COMPLETED",
    );
});
