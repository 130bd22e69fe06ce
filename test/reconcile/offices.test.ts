import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { z } from "zod";
import { letterWorkflowId } from "../../model/ids.ts";
import { defineJob } from "../../model/index.ts";
import { gate, openPostOffice, type PostOffice } from "../setup/post-office.ts";
import { until } from "../setup/world.ts";

// More than one office in a namespace, with one database: each mends what is its own, and hides nothing from the other.

vi.setConfig({ testTimeout: 180_000, hookTimeout: 240_000 });

const inTheEast = defineJob({
  name: "in-the-east",
  taskQueue: "eastern",
  input: z.object({ waits: z.boolean() }),
  activity: { retry: { maximumAttempts: 1 } },
  deadLetter: { office: "east" },
});

/** Nobody runs it. */
const unmanned = defineJob({ name: "unmanned", taskQueue: "nowhere", input: z.object({}) });

let office: PostOffice;
beforeAll(async () => {
  office = await openPostOffice();
  await office.office({ office: "east" });
  await office.worker({
    jobs: [
      inTheEast.handle(async ({ waits }) => {
        if (waits) await gate().opened;
        throw new Error("no sun yet");
      }),
    ],
  });
});
afterAll(async () => await office?.close());

const foundOf = async (id: string, options: { office?: string; thorough?: boolean; jobs?: string[] } = {}) =>
  (await office.dlo.reconcile(options)).items.filter(({ workflowId }) => workflowId === id);
/** Terminates a run, and returns how to make what was swept since then an hour older: so late no run is looked at twice. */
async function terminated(id: string) {
  const endedAt = new Date();
  await office.dlo.temporal.workflow.getHandle(id).terminate("enough");
  return async () =>
    void (await office.sql`
      update dlo.reconciles set swept_until = swept_until + interval '1 hour' where swept_until > ${endedAt}`);
}

test("what one office has passed over is found by the one whose it is, however much later", async () => {
  await office.dlo.reconcile();
  await office.dlo.start(inTheEast, { waits: true }, { id: "eastern-1" });
  const anHourLater = await terminated("eastern-1");
  expect(await foundOf("eastern-1")).toEqual([]);
  await anHourLater();
  expect(await foundOf("eastern-1", { office: "east" })).toMatchObject([{ finding: "lost", mended: true }]);
});

test("what could not be mended is found by the next one too", async () => {
  await office.dlo.reconcile();
  await office.dlo.start(unmanned, {}, { id: "unmanned-1" });
  const anHourLater = await terminated("unmanned-1");
  const left = [{ finding: "lost", mended: false, said: expect.stringContaining("no worker says whether it is") }];
  expect(await foundOf("unmanned-1")).toMatchObject(left);
  await anHourLater();
  expect(await foundOf("unmanned-1")).toMatchObject(left);
});

test("a letter whose workflow was ended goes back to its own office", async () => {
  const run = await office.dlo.start(inTheEast, { waits: false }, { id: "eastern-2" });
  await run.result().catch(() => undefined);
  const letter = office.dlo.temporal.workflow.getHandle(letterWorkflowId("eastern-2"));
  await letter.terminate("an accident");
  expect(await foundOf("eastern-2")).toMatchObject([{ finding: "no_workflow", mended: true }]);
  await until(async () => (await letter.describe()).status.name === "RUNNING");
  expect((await letter.describe()).taskQueue).toBe("east");
});

test("a job that cannot begin is ended by its own office alone", async () => {
  await office.dlo.temporal.workflowService.startWorkflowExecution({
    ...{ namespace: office.namespace, workflowId: "eastern-3", requestId: crypto.randomUUID() },
    ...{ workflowType: { name: "in-the-east" }, taskQueue: { name: "eastern" } },
    input: { payloads: [{ metadata: { encoding: Buffer.from("binary/unheard-of") }, data: Buffer.from("?") }] },
  });
  const job = office.dlo.temporal.workflow.getHandle("eastern-3");
  await until(
    async () => (await job.fetchHistory()).events?.some((event) => event.workflowTaskFailedEventAttributes) === true,
  );
  const thorough = { thorough: true, jobs: ["in-the-east"] };
  expect(await foundOf("eastern-3", thorough)).toEqual([]);
  expect((await job.describe()).status.name).toBe("RUNNING");
  expect(await foundOf("eastern-3", { ...thorough, office: "east" })).toMatchObject([
    { finding: "undecodable", mended: true },
  ]);
});
