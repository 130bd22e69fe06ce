import { NativeConnection, Worker } from "@temporalio/worker";
import { redriveActivities } from "../../activities/redrive-activities.ts";
import { defaultOffice } from "../../model/ids.ts";
import { openDatabase } from "../../schema/database.ts";
import { keepingDefaults } from "../../model/resolve-contract.ts";
import { bundleEntry, officeEntry } from "../../worker/workflow-bundle.ts";
import type { World } from "./world.ts";

/**
 * An office whose redrives ask nobody: in place of the signal to a letter and of what its workflow then writes, each item is
 * given its outcome in batches. Workflow, snapshot, pace, items and counts are the real ones.
 *
 * @param outcome of the item with this number; null leaves it without one
 */
export async function openStubOffice(
  world: Pick<World, "address" | "namespace" | "databaseUrl" | "dlo">,
  outcome: (n: number) => "recovered" | "died_again" | null = () => "recovered",
): Promise<{ readonly asked: { readonly n: number; readonly atMs: number }[]; stop(): Promise<void> }> {
  const connection = await NativeConnection.connect({ address: world.address });
  const database = openDatabase(world.databaseUrl);
  const asked: { n: number; atMs: number }[] = [];
  let waiting: { redriveId: string; n: number; state: string }[] = [];
  const flush = async () => {
    const batch = waiting.splice(0);
    if (batch.length === 0) return;
    await database.sql`
      update dlo.redrive_items i set state = e.state, run_id = 'stub-' || e.n, ended_at = now(), asked = true,
        new_cause_id = case e.state when 'died_again' then i.cause_id end
      from jsonb_to_recordset(${database.sql.json(batch)}) as e ("redriveId" uuid, n int, state text)
      where i.redrive_id = e."redriveId" and i.n = e.n and i.state = 'running'`;
  };
  const timer = setInterval(() => void flush().catch(() => undefined), 20);
  const worker = await Worker.create({
    connection,
    namespace: world.namespace,
    taskQueue: defaultOffice,
    workflowBundle: await bundleEntry(officeEntry({ versioned: false })),
    activities: redriveActivities({
      ...{
        db: database.db,
        client: world.dlo.temporal,
        codecs: [],
        namespace: world.namespace,
        redact: [],
        ...{ amendments: {}, probes: {}, queues: {}, defaults: keepingDefaults({}) },
        home: { taskQueue: defaultOffice, searchAttributes: [] },
      },
      ask: async ({ id: redriveId }, { n }) => {
        asked.push({ n, atMs: Date.now() });
        const state = outcome(n);
        if (state !== null) waiting.push({ redriveId, n, state });
        return undefined;
      },
    }),
  });
  const running = worker.run();
  return {
    asked,
    async stop() {
      worker.shutdown();
      await running;
      clearInterval(timer);
      await flush();
      waiting = [];
      await database.close();
      await connection.close();
    },
  };
}
