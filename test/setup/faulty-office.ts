import { NativeConnection, Worker, type WorkerOptions } from "@temporalio/worker";
import { adoptActivities } from "../../activities/adopt-activities.ts";
import { letterActivities } from "../../activities/letter-activities.ts";
import type { AdoptActivities } from "../../model/adopt-activities.ts";
import type { LetterActivities } from "../../model/letter-activities.ts";
import { keepingDefaults } from "../../model/resolve-contract.ts";
import { searchAttributeNames } from "../../model/search-attributes.ts";
import { defaultOffice } from "../../model/ids.ts";
import { openDatabase } from "../../schema/database.ts";
import { bundleEntry, type Entry, officeEntry } from "../../worker/workflow-bundle.ts";
import type { World } from "./world.ts";

/** What a test does to an activity: it may fail before the real one, after it, or let it pass. */
export type Faults = {
  readonly [Name in keyof Activities]?: (real: Activities[Name]) => Activities[Name];
};

type Activities = LetterActivities & AdoptActivities;

/** An office whose activities crash where a test says. `beforeSignal` is called between a death's row and the word to its letter. */
export async function openFaultyOffice(
  world: World,
  faults: Faults & {
    readonly beforeSignal?: (jobWorkflowId: string) => void | Promise<void>;
    readonly afterSignal?: (jobWorkflowId: string) => void;
  },
  build: { readonly entry?: Entry; readonly worker?: Partial<WorkerOptions> } = {},
): Promise<() => Promise<void>> {
  const connection = await NativeConnection.connect({ address: world.address });
  const database = openDatabase(world.databaseUrl);
  const real = world.dlo.temporal;
  const workflow = new Proxy(real.workflow, {
    get(target, property) {
      if (property !== "signalWithStart") return Reflect.get(target, property) as unknown;
      return async (...args: Parameters<typeof target.signalWithStart>) => {
        const jobWorkflowId = args[1].workflowId.slice("dead-letter/".length);
        await faults.beforeSignal?.(jobWorkflowId);
        const handle = await target.signalWithStart(...args);
        faults.afterSignal?.(jobWorkflowId);
        return handle;
      };
    },
  });
  const client = new Proxy(real, {
    get: (target, property) => (property === "workflow" ? workflow : (Reflect.get(target, property) as unknown)),
  });
  const needs = {
    db: database.db,
    client,
    codecs: [],
    queues: {},
    defaults: keepingDefaults({}),
    redact: [],
    probes: {},
    fingerprint: [],
    capture: {},
    searchAttributes: searchAttributeNames,
    taskQueue: defaultOffice,
  };
  const activities = { ...letterActivities(needs), ...adoptActivities({ ...needs, policies: {} }) };
  const faulty = Object.fromEntries(
    Object.entries(activities).map(([name, activity]) => {
      const fault = faults[name as keyof Activities] as ((real: unknown) => unknown) | undefined;
      return [name, fault === undefined ? activity : fault(activity)];
    }),
  );
  const worker = await Worker.create({
    ...build.worker,
    connection,
    namespace: world.namespace,
    taskQueue: defaultOffice,
    workflowBundle: await bundleEntry(build.entry ?? officeEntry({ versioned: false })),
    activities: faulty,
  });
  const running = worker.run();
  return async () => {
    worker.shutdown();
    await running;
    await database.close();
    await connection.close();
  };
}
