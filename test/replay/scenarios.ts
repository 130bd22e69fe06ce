import { ApplicationFailure } from "@temporalio/common";
import { z } from "zod";
import type { CapturedRecord } from "../../client/index.ts";
import type { EventType } from "../../model/event.ts";
import { deliveryWorkflowId } from "../../model/event-delivery.ts";
import type { Hooks } from "../../model/hooks.ts";
import {
  defaultOffice,
  letterWorkflowId,
  pruneWorkflowId,
  reconcileWorkflowId,
  redriveWorkflowId,
} from "../../model/ids.ts";
import { defineJob, type HandlerOptions } from "../../model/index.ts";
import { deliver, gate, type PostOffice } from "../setup/post-office.ts";
import { until } from "../setup/world.ts";
import { adoptedScenarios } from "./adopted.ts";
import type { Scenario } from "./scenario.ts";

/** The hooks of the office that the scenarios are played in: `noted` is taken by both, `amended` by the first alone. */
export const recordedHooks: Hooks = {
  noted: [() => undefined, () => undefined],
  amended: [
    () => undefined,
    () => {
      throw ApplicationFailure.nonRetryable("no such pager", "HookRefused");
    },
  ],
};

/** What a release's workflows can go through. A history of each is replayed by every later release. */
export const scenarios: readonly Scenario[] = [
  {
    name: "job-succeeds",
    async play(office) {
      office.when("job-succeeds", () => "delivered");
      await office.dlo.run(deliver, { to: "ann" }, { id: "job-succeeds" });
      return { workflowId: "job-succeeds" };
    },
  },
  {
    name: "job-dies",
    async play(office) {
      await office.dead("job-dies");
      return { workflowId: "job-dies" };
    },
  },
  {
    name: "job-with-memo-dies",
    async play(office) {
      const run = await office.dlo.start(
        deliver,
        { to: "ann" },
        { id: "job-with-memo", headers: { tenant: "a" }, key: "k" },
      );
      await run.result().catch(() => undefined);
      return { workflowId: "job-with-memo" };
    },
  },
  {
    name: "retry-run-dies",
    async play(office) {
      await office.dead("retry-run-dies");
      await office.dlo.letters.retry("retry-run-dies", { waitFor: "30 seconds" });
      return { workflowId: "retry-run-dies" };
    },
  },
  {
    name: "letter-parked",
    async play(office) {
      await office.dead("letter-parked");
      const workflowId = letterWorkflowId("letter-parked");
      await until(async () => (await office.dlo.temporal.workflow.getHandle(workflowId).describe()).historyLength >= 6);
      return { workflowId };
    },
  },
  {
    name: "letter-recovered",
    async play(office) {
      await office.dead("letter-recovered");
      office.when("letter-recovered", () => "delivered");
      await office.dlo.letters.retry("letter-recovered", { by: "ann", waitFor: "30 seconds" });
      return await closed(office, "letter-recovered");
    },
  },
  {
    name: "letter-recovered-by-signal",
    async play(office) {
      await office.dead("letter-signalled");
      office.when("letter-signalled", () => "delivered");
      await office.dlo.temporal.workflow.getHandle(letterWorkflowId("letter-signalled")).signal("retry", { by: "ann" });
      return await closed(office, "letter-signalled");
    },
  },
  {
    name: "letter-of-many-commands",
    async play(office) {
      const { letters } = office.dlo;
      const id = "letter-many";
      await office.dead(id);
      await letters.retry(id, { waitFor: "30 seconds" });
      await letters.amend(id, { input: { to: "bob" } });
      await letters.amend(id, { input: { to: 1 }, unchecked: true });
      await letters.amend(id, { input: { to: 1 } }).catch(() => undefined);
      await letters.extend(id, { retention: "indefinite" });
      await letters.extend(id, { retention: "3 days" });
      await letters.note(id, { text: "look" });
      await letters.retry(id, { after: "1 hour" });
      await office.dlo.temporal.workflow.getHandle(letterWorkflowId(id)).signal("note", 7);
      const doorbell = gate<string>();
      office.when(id, () => doorbell.opened);
      await letters.retry(id, { input: { to: "cleo" } });
      await letters.note(id, { text: "while it runs" });
      await letters.discard(id, {}).catch(() => undefined);
      doorbell.fail(new Error("not yet"));
      await until(async () => (await letters.get(id)).status === "parked");
      office.when(id, () => "delivered");
      await letters.retry(id, { after: "10 milliseconds" });
      return await closed(office, id);
    },
  },
  {
    name: "letter-expired",
    async play(office) {
      await office.dead("letter-expired");
      await office.dlo.letters.extend("letter-expired", { retention: "50 milliseconds" });
      return await closed(office, "letter-expired");
    },
  },
  {
    name: "letter-discarded",
    async play(office) {
      await office.dead("letter-discarded");
      await office.dlo.letters.discard("letter-discarded", { by: "ann" });
      return await closed(office, "letter-discarded");
    },
  },
  {
    name: "letter-superseded",
    async play(office) {
      const id = "letter-superseded";
      await office.dead(id);
      const doorbell = gate<string>();
      office.when(id, () => doorbell.opened);
      await office.dlo.start(deliver, { to: "ann" }, { id });
      await office.dlo.letters.retry(id);
      doorbell.open("delivered");
      return await closed(office, id);
    },
  },
  {
    name: "letter-retry-cancelled-then-terminated",
    async play(office) {
      const id = "letter-cancelled";
      await office.dead(id);
      office.when(
        id,
        (_, { signal }) =>
          new Promise((_resolve, reject) => signal.addEventListener("abort", () => reject(new Error("stop")))),
      );
      await office.dlo.letters.retry(id);
      await office.dlo.temporal.workflow.getHandle(id).cancel();
      await until(async () => (await office.dlo.letters.get(id)).status === "parked");
      await office.dlo.letters.retry(id);
      await office.dlo.temporal.workflow.getHandle(id).terminate();
      await until(async () => (await office.dlo.letters.get(id)).deaths === 2);
      await office.dlo.letters.discard(id);
      return await closed(office, id);
    },
  },
  {
    name: "letter-of-two-app-deaths",
    async play(office) {
      await office.dead("letter-twice");
      await office.dead("letter-twice");
      await until(async () => (await office.dlo.letters.get("letter-twice")).revision > 0);
      return { workflowId: letterWorkflowId("letter-twice") };
    },
  },
  {
    name: "letter-continues-as-new",
    async play(office) {
      const letter = await office.dead("letter-continued");
      const handle = office.dlo.temporal.workflow.getHandle(letterWorkflowId("letter-continued"));
      const { runId } = await handle.describe();
      // The tests' server suggests a new run at 200 events.
      for (let n = 0; n < 60; n++) await office.dlo.letters.note(letter.id, { text: `note ${n}` });
      await until(async () => (await handle.describe()).runId !== runId);
      return { workflowId: handle.workflowId, runId };
    },
  },
  {
    name: "letter-begun-anew",
    async play(office) {
      const id = "letter-terminated";
      await office.dead(id);
      await office.dlo.temporal.workflow.getHandle(letterWorkflowId(id)).terminate();
      await office.dead(id);
      await until(async () => (await office.dlo.letters.get(id)).revision > 0);
      await office.dlo.letters.discard(id);
      return await closed(office, id);
    },
  },
  {
    name: "letter-asked-to-cancel",
    async play(office) {
      const id = "letter-deaf";
      await office.dead(id);
      await office.dlo.temporal.workflow.getHandle(letterWorkflowId(id)).cancel();
      await office.dlo.letters.note(id, { text: "still here" });
      await office.dlo.letters.discard(id);
      return await closed(office, id);
    },
  },
  {
    name: "event-told",
    async play(office) {
      const letter = await office.dead("event-told");
      await until(async () => await hooksFollow(office));
      await office.dlo.letters.note(letter.id, { text: "tell them" });
      return await told(office, "noted");
    },
  },
  {
    name: "event-refused",
    async play(office) {
      const letter = await office.dead("event-refused");
      await until(async () => await hooksFollow(office));
      await office.dlo.letters.amend(letter.id, { input: { to: "bob" } });
      return await told(office, "amended");
    },
  },
  {
    name: "office",
    play: async () => await Promise.resolve({ workflowId: "office/dead-letter-office" }),
  },
  {
    name: "letter-reopened",
    async play(office) {
      await office.dead("letter-reopened");
      await office.dlo.letters.discard("letter-reopened");
      await office.dlo.letters.reopen("letter-reopened", { by: "ann" });
      await office.dlo.letters.move("letter-reopened", { queue: "by-hand", by: "ann" });
      const workflowId = letterWorkflowId("letter-reopened");
      await until(
        async () => (await office.dlo.temporal.workflow.getHandle(workflowId).describe()).historyLength >= 10,
      );
      return { workflowId };
    },
  },
  {
    name: "letter-captured",
    async play(office) {
      const record = captured("letter-captured");
      const { letterId, workflowId } = await office.dlo.letters.capture(record);
      // The same again, while its letter runs.
      await office.dlo.letters.capture(record);
      office.when(workflowId, () => "delivered");
      await office.dlo.letters.retry(letterId, { by: "ann", waitFor: "30 seconds" });
      return await closed(office, workflowId);
    },
  },
  {
    name: "letter-captured-after-close",
    async play(office) {
      const record = captured("letter-captured-after-close");
      const { letterId, workflowId } = await office.dlo.letters.capture(record);
      await office.dlo.letters.discard(letterId);
      await closed(office, workflowId);
      await office.dlo.letters.capture(record);
      return await closed(office, workflowId);
    },
  },
  {
    name: "letter-capture-refused",
    async play(office) {
      const refused = { ...captured("letter-capture-refused"), job: "deliver-nothing" };
      const { details } = (await office.dlo.letters.capture(refused).catch((error: unknown) => error)) as {
        details: { workflowId: string };
      };
      const workflowId = letterWorkflowId(details.workflowId);
      await office.dlo.temporal.workflow
        .getHandle(workflowId)
        .result()
        .catch(() => undefined);
      return { workflowId };
    },
  },
  {
    name: "letter-retried-otherwise",
    async play(office) {
      await office.dead("letter-retried-otherwise");
      office.when("letter-retried-otherwise", () => "delivered");
      const run = { activity: { retry: { maximumAttempts: 2 } } };
      await office.dlo.letters.retry("letter-retried-otherwise", { run, waitFor: "30 seconds" });
      return await closed(office, "letter-retried-otherwise");
    },
  },
  {
    name: "letter-retried-on-build",
    async play(office) {
      await retriedOnBuild(office, "letter-retried-on-build");
      return await closed(office, "letter-retried-on-build");
    },
  },
  {
    name: "retry-run-on-build",
    async play(office) {
      await retriedOnBuild(office, "retry-run-on-build");
      return { workflowId: "retry-run-on-build" };
    },
  },
  {
    name: "redrive-stopped-and-resumed",
    async play(office) {
      for (const id of ["redriven-0", "redriven-1"]) await office.dead(id, { to: "redriven" });
      const { redrives } = office.dlo;
      const { id } = await redrives.start(
        { filter: "payload.to=redriven" },
        { force: true, rate: 100, maxInFlight: 1 },
      );
      await until(async () => (await redrives.get(id)).status === "stopped");
      office.when("redriven-1", () => "delivered");
      await redrives.set(id, { rate: 50 });
      await redrives.resume(id, { by: "ann" });
      await until(async () => (await redrives.get(id)).status === "completed");
      const workflowId = redriveWorkflowId(id);
      await office.dlo.temporal.workflow.getHandle(workflowId).result();
      return { workflowId };
    },
  },
  {
    name: "letter-with-own-code",
    async play(office) {
      const id = "letter-with-own-code";
      let fails = true;
      const code: HandlerOptions = {
        onDead: () => ({ released: true }),
        onExpire() {
          if (fails) throw ApplicationFailure.nonRetryable("no address", "NoAddress");
        },
      };
      const letter = await deadOf(office, { id, queue: "own-code", code });
      await until(async () => (await office.events(letter)).includes("code_ran"));
      await office.dlo.letters.expire(id);
      await until(async () => (await office.events(letter)).includes("code_failed"));
      fails = false;
      await office.dlo.letters.runCode(id, { by: "ann" });
      return await closed(office, id);
    },
  },
  {
    name: "letter-drops-own-code",
    async play(office) {
      const id = "letter-drops-own-code";
      const code: HandlerOptions = {
        onDead() {
          throw new Error("not yet");
        },
      };
      const letter = await deadOf(office, { id, queue: "dropped-code", code });
      await until(async () => {
        const { raw } = await office.dlo.temporal.workflow.getHandle(letterWorkflowId(id)).describe();
        return (raw.pendingActivities?.[0]?.attempt ?? 0) > 1;
      });
      await office.dlo.letters.discard(letter);
      return await closed(office, id);
    },
  },
  {
    name: "letter-under-changed-policy",
    async play(office) {
      const id = "letter-under-changed-policy";
      const letter = await office.dead(id);
      // As if its queue had been configured so when it died.
      await office.sql`update dlo.dead_letters set maximum_retries = 9, own_policy = '{}' where id = ${letter.id}`;
      await office.dlo.letters.applyPolicy(id, { by: "ann" });
      await office.dlo.letters.applyPolicy(id, { by: "ann" });
      await office.dlo.letters.discard(id);
      return await closed(office, id);
    },
  },
  {
    name: "letter-retried-when-well",
    async play(office) {
      const id = "letter-retried-when-well";
      await office.dead(id);
      office.when(id, () => "delivered");
      await office.dlo.letters.retry(id, { when: "ready", by: "ann" });
      return await closed(office, id);
    },
  },
  {
    name: "letter-restored",
    async play(office) {
      const id = "letter-restored";
      await office.dead(id);
      office.when(id, () => new Promise(() => undefined));
      await office.dlo.letters.retry(id);
      await until(() => office.runs(id) === 2);
      const workflowId = letterWorkflowId(id);
      await office.dlo.temporal.workflow.getHandle(workflowId).terminate("an accident");
      await office.dlo.reconcile();
      await until(async () => (await office.events((await office.dlo.letters.get(id)).id)).includes("restored"));
      await office.dlo.letters.note(id, { text: "it lives" });
      return { workflowId };
    },
  },
  {
    name: "letter-hears-of-success",
    async play(office) {
      const id = "letter-hears-of-success";
      await office.dead(id);
      office.when(id, () => "delivered");
      await office.dlo.run(deliver, { to: "ann" }, { id });
      await office.dlo.reconcile();
      return await closed(office, id);
    },
  },
  {
    name: "reconcile",
    async play(office) {
      office.when("reconciled", () => new Promise(() => undefined));
      await office.dlo.start(deliver, { to: "ann" }, { id: "reconciled" });
      await until(() => office.runs("reconciled") === 1);
      await office.dlo.temporal.workflow.getHandle("reconciled").terminate("an accident");
      const { id } = await office.dlo.reconcile();
      return { workflowId: reconcileWorkflowId(id) };
    },
  },
  {
    name: "prune",
    async play(office) {
      await office.dead("pruned");
      await office.dlo.letters.discard("pruned");
      await until(async () => {
        const [row] = await office.sql`select from dlo.events e join dlo.dead_letters l on l.id = e.letter_id
          where l.workflow_id = 'pruned' and e.position is null`;
        return row === undefined;
      });
      // As if that had been long ago.
      await office.sql`update dlo.dead_letters set closed_at = now() - interval '1 year', keep_until = now() - interval '1 day'
        where workflow_id = 'pruned'`;
      const { id } = await office.dlo.prune({ filter: "workflow-id:pruned" });
      return { workflowId: pruneWorkflowId(id) };
    },
  },
  ...adoptedScenarios,
];

/** A letter of a job with code of its own, whose worker serves a task queue of its own. Returns its id. */
async function deadOf(
  office: PostOffice,
  { id, queue, code }: { readonly id: string; readonly queue: string; readonly code: HandlerOptions },
): Promise<string> {
  const { contract } = deliver;
  const handled = deliver.handle(() => Promise.reject(ApplicationFailure.nonRetryable("nobody at home")), code);
  await office.worker({ jobs: [{ ...handled, job: { ...deliver, contract: { ...contract, taskQueue: queue } } }] });
  const run = await office.dlo.temporal.workflow.start(deliver.name, {
    ...{ workflowId: id, taskQueue: queue, args: [{ to: "ann" }] },
  });
  await run.result().catch(() => undefined);
  return (await office.dlo.letters.get(id)).id;
}

/** Recovers a letter by a retry on the build of a versioned worker, which has a task queue of its own. */
async function retriedOnBuild(office: PostOffice, id: string): Promise<void> {
  const [taskQueue, build] = ["vans", { deploymentName: "vans", buildId: "1" }];
  const byVan = defineJob({ name: deliver.name, taskQueue, input: z.object({ to: z.string() }) });
  const worker = await office.worker({
    jobs: [byVan.handle(() => "delivered")],
    worker: {
      workerDeploymentOptions: { version: build, useWorkerVersioning: true, defaultVersioningBehavior: "AUTO_UPGRADE" },
    },
  });
  const { workflowService } = office.dlo.temporal;
  await until(async () => {
    await workflowService.setWorkerDeploymentCurrentVersion({
      ...{ namespace: office.namespace, ...build, identity: "tester" },
    });
    return true;
  });
  await office.dead(id);
  await office.dlo.letters.retry(id, { run: { taskQueue, build }, waitFor: "30 seconds" });
  await worker.stop();
}

async function hooksFollow(office: PostOffice): Promise<boolean> {
  return (await office.sql`select from dlo.cursors where name like 'hooks/%'`).length === 2;
}

/** Waits until the newest event of a type was told, or could not be. */
async function told(office: PostOffice, type: EventType): Promise<{ workflowId: string }> {
  let position: number | undefined;
  await until(async () => {
    const [last] = await office.sql`select max(position)::int as position from dlo.events where type = ${type}`;
    position = (last?.["position"] as number | null) ?? undefined;
    return position !== undefined;
  });
  const workflowId = deliveryWorkflowId(defaultOffice, position!, type);
  await until(async () => {
    const { status } = await office.dlo.temporal.workflow.getHandle(workflowId).describe();
    return status.name !== "RUNNING";
  });
  return { workflowId };
}

function captured(message: string): CapturedRecord {
  return { job: "deliver", payload: { to: "ann" }, source: { system: "post", message }, error: "nobody at home" };
}

async function closed(office: PostOffice, id: string): Promise<{ workflowId: string }> {
  const workflowId = letterWorkflowId(id);
  await office.dlo.temporal.workflow.getHandle(workflowId).result();
  return { workflowId };
}
