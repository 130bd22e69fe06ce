import { NativeConnection, Worker } from "@temporalio/worker";
import { afterAll, beforeAll, expect, test } from "vitest";
import { defaultOffice } from "../../model/ids.ts";
import type { PruneActivities, PruneSlice } from "../../model/prune-activities.ts";
import { bundleEntry, officeEntry } from "../../worker/workflow-bundle.ts";
import { openWorld, type World } from "../setup/world.ts";

// A prune that takes hours: its workflow continues as new, with the rule that it began with. Its activities are stubs.

let world: World;
beforeAll(async () => void (world = await openWorld()));
afterAll(async () => await world?.close());

test("it goes on behind the letter that the run before looked at last, by the same rule", async () => {
  const slices = 100;
  const seen: PruneSlice[] = [];
  const activities: PruneActivities = {
    pruneLetters: (slice) => {
      seen.push(slice);
      const place = { closedAtMs: seen.length, id: "0197a3b2-1c4d-7000-8000-000000000001" };
      return Promise.resolve({ letters: seen.length * 10, ...(seen.length < slices ? { after: place } : {}) });
    },
    finishPrune: ({ prune }) =>
      Promise.resolve({ id: prune.id, letters: seen.length * 10, left: 0, remaining: { open: 0, closed: 0 } }),
  };
  const connection = await NativeConnection.connect({ address: world.address });
  const worker = await Worker.create({
    ...{ connection, namespace: world.namespace, taskQueue: defaultOffice, activities },
    workflowBundle: await bundleEntry(officeEntry({ versioned: false })),
  });
  await worker.runUntil(async () => {
    const handle = await world.dlo.temporal.workflow.start("prune", {
      ...{ taskQueue: defaultOffice, workflowId: "long", args: [{ olderThan: "30 days", filter: "job:a" }] },
    });
    const outcome = (await handle.result()) as { id: string };
    expect(outcome).toMatchObject({ letters: slices * 10, id: seen[0]!.prune.id });
    const { runId } = await handle.describe();
    expect(runId).not.toBe(handle.firstExecutionRunId);
  });
  await connection.close();
  expect(seen).toHaveLength(slices);
  expect(new Set(seen.map(({ prune }) => JSON.stringify(prune))).size).toBe(1);
  expect(seen[0]!.prune).toMatchObject({ filter: { job: "a" }, olderThanMs: 30 * 86_400_000, by: "unknown" });
  expect(seen.map(({ after }) => after?.closedAtMs)).toEqual([undefined, ...seen.slice(1).map((_, i) => i + 1)]);
});
