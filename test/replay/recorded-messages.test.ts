import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { defaultPayloadConverter } from "@temporalio/common";
import proto from "@temporalio/proto";
import { NativeConnection, Worker } from "@temporalio/worker";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Died, ParkRequest, ParkResult } from "../../model/letter-activities.ts";
import { letterWorkflowId } from "../../model/ids.ts";
import type { LetterState } from "../../model/letter-state.ts";
import { openPostOffice, type PostOffice } from "../setup/post-office.ts";

// Parts upgrade apart: an office accepts what every released worker sends. The messages are those in the histories
// that each release recorded.

const folder = join(import.meta.dirname, "../histories");
const recorded = (scenario: string) => readdirSync(folder).filter((file) => new RegExp(`^${scenario}-\\d`).test(file));

let office: PostOffice;
let worker: Worker;
let running: Promise<void>;
let connection: NativeConnection;

beforeAll(async () => {
  office = await openPostOffice();
  connection = await NativeConnection.connect({ address: office.address });
  worker = await Worker.create({
    connection,
    namespace: office.namespace,
    taskQueue: "older",
    workflowsPath: fileURLToPath(new URL("./park-recorded.ts", import.meta.url)),
  });
  running = worker.run();
});
afterAll(async () => {
  worker?.shutdown();
  await running;
  await connection?.close();
  await office?.close();
});

const park = async (workflowId: string, request: unknown) =>
  await office.dlo.temporal.workflow.execute<(request: unknown) => Promise<ParkResult>>("parkRecorded", {
    workflowId,
    taskQueue: "older",
    args: [request],
    workflowIdReusePolicy: "ALLOW_DUPLICATE",
  });

test.each(["job-dies", "job-with-memo-dies"].flatMap(recorded))("a death as %s has it is parked", async (file) => {
  const request = eventsOf(file)
    .map((event) => event.activityTaskScheduledEventAttributes)
    .find((scheduled) => scheduled?.activityType?.name === "parkDeadLetter")?.input?.payloads?.[0];
  const { letterId } = await park(file, defaultPayloadConverter.fromPayload<ParkRequest>(request!));
  expect(await office.dlo.letters.get(letterId)).toMatchObject({
    status: "parked",
    reason: "exhausted",
    errorMessage: "nobody at home: ann",
  });
  const { deaths } = await office.dlo.letters.story(letterId);
  expect(deaths[0]!.attemptRows).toMatchObject([{ n: 1, state: "failed", errorType: "Error" }]);
});

test.each(recorded("letter-of-two-app-deaths"))("a letter hears of a death as %s has it", async (file) => {
  const letter = await office.dead(file);
  const signals = eventsOf(file).flatMap(
    (event) => event.workflowExecutionSignaledEventAttributes?.input?.payloads ?? [],
  );
  const [, second] = signals.map((payload) => defaultPayloadConverter.fromPayload<Died>(payload));
  const handle = office.dlo.temporal.workflow.getHandle(letterWorkflowId(file));
  await handle.signal("died", { ...second!, letterId: letter.id });
  expect(await handle.query<LetterState>("state")).toMatchObject({ deaths: 2 });
});

test("a death of a newer release waits for an office that knows it", async () => {
  await expect(park("newer", { version: 2 })).rejects.toMatchObject({
    cause: { cause: { message: expect.stringContaining("Upgrade it") } },
  });
});

function eventsOf(file: string): proto.temporal.api.history.v1.IHistoryEvent[] {
  return proto.temporal.api.history.v1.History.decode(readFileSync(join(folder, file))).events;
}
