import { fileURLToPath } from "node:url";
import { Client, type ClientOptions, Connection } from "@temporalio/client";
import { bundleWorkflowCode, DefaultLogger, NativeConnection, Worker, type WorkerOptions } from "@temporalio/worker";
import { quietRuntime } from "../setup/quiet-runtime.ts";
import { until, type World } from "../setup/world.ts";
import type { Order } from "./shop-workflows.ts";

type Step = "reserve" | "charge" | "ship";

/** Somebody's own worker of workflows, on the world's namespace, with steps that do what each test says. */
export type Shop = {
  readonly client: Client;
  /** What a step does for orders whose id begins so. By default it succeeds. */
  when(step: Step, id: string, does: (attempt: number) => unknown): void;
  /** Which orders a step was called for, in order. */
  readonly calls: readonly string[];
  /** How often a step was called for an order. */
  called(step: Step, id: string): number;
  /** Starts a workflow, waits for its end, and until Visibility knows of it. Returns its run. */
  failed(type: string, id: string, args: readonly unknown[], more?: object): Promise<string>;
  /** Starts an activity by itself, waits for its end, and until Visibility knows of it. Returns its run. */
  failedActivity(type: Step, id: string, args: readonly unknown[], more?: object): Promise<string>;
  close(): Promise<void>;
};

export const shopQueue = "shop";

quietRuntime();
let bundle: ReturnType<typeof bundleWorkflowCode> | undefined;

export async function openShop(
  world: World,
  options: Pick<ClientOptions, "dataConverter"> & Pick<Partial<WorkerOptions>, "workflowBundle"> = {},
): Promise<Shop> {
  const behaviours = new Map<string, (attempt: number) => unknown>();
  const calls: string[] = [];
  const step = (name: Step) => async (given: string | Order) => {
    const id = typeof given === "string" ? given : given.id;
    calls.push(`${name} ${id}`);
    const found = [...behaviours].findLast(([key]) => `${name} ${id}`.startsWith(key));
    return found === undefined
      ? `${name} done`
      : await found[1](calls.filter((call) => call === `${name} ${id}`).length);
  };
  bundle ??= bundleWorkflowCode({
    workflowsPath: fileURLToPath(new URL("./shop-workflows.ts", import.meta.url)),
    logger: new DefaultLogger("ERROR"),
  });
  const native = await NativeConnection.connect({ address: world.address });
  const connection = await Connection.connect({ address: world.address });
  const client = new Client({ connection, namespace: world.namespace, ...options });
  const worker = await Worker.create({
    connection: native,
    namespace: world.namespace,
    taskQueue: shopQueue,
    workflowBundle: await bundle,
    activities: { reserve: step("reserve"), charge: step("charge"), ship: step("ship") },
    ...(options.dataConverter === undefined ? {} : { dataConverter: options.dataConverter }),
  });
  const running = worker.run();
  return {
    client,
    calls,
    when: (name, id, does) => void behaviours.set(`${name} ${id}`, does),
    called: (name, id) => calls.filter((call) => call === `${name} ${id}`).length,
    async failed(type, id, args, more = {}) {
      const handle = await client.workflow.start(type, {
        ...{ workflowId: id, taskQueue: shopQueue, args: [...args] },
        ...more,
      });
      await handle.result().catch(() => undefined);
      await until(async () => {
        const { count } = await client.workflow.count(`WorkflowId = '${id}' AND ExecutionStatus != 'Running'`);
        return count > 0;
      });
      return (await client.workflow.getHandle(id).describe()).runId;
    },
    async failedActivity(type, id, args, more = {}) {
      const handle = await client.activity.start(type, {
        ...{ id, taskQueue: shopQueue, args: [...args], startToCloseTimeout: "10 seconds" },
        ...more,
      });
      await handle.result().catch(() => undefined);
      await until(async () => {
        const { count } = await client.activity.count(`ActivityId = '${id}' AND ExecutionStatus != 'Running'`);
        return count > 0;
      });
      return (await client.activity.getHandle(id).describe()).activityRunId;
    },
    async close() {
      worker.shutdown();
      await running;
      await connection.close();
      await native.close();
    },
  };
}
