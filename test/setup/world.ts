import { randomUUID } from "node:crypto";
import { Connection } from "@temporalio/client";
import proto from "@temporalio/proto";
import postgres from "postgres";
import { inject } from "vitest";
import { migratedDatabase } from "./postgres.ts";
import { quietRuntime } from "./quiet-runtime.ts";
import type { SharedStack } from "./stack.ts";
import { connect, type ConnectOptions, type Dlo } from "../../client/index.ts";
import { searchAttributeNames } from "../../model/search-attributes.ts";
import {
  type RunningWorker,
  runOffice,
  type RunOfficeOptions,
  runWorker,
  type RunWorkerOptions,
} from "../../worker/index.ts";

quietRuntime();

/** A namespace and a database of one test file, on the run's stack. */
export type World = AsyncDisposable & {
  readonly address: string;
  readonly namespace: string;
  readonly databaseUrl: string;
  readonly ui: string;
  readonly dlo: Dlo;
  /** Raw SQL on the world's database. */
  readonly sql: postgres.Sql;
  connect(options?: ConnectOptions): Promise<Dlo>;
  office(options?: RunOfficeOptions): Promise<RunningWorker>;
  worker(options: RunWorkerOptions): Promise<RunningWorker>;
  /** Stops what was started, in reverse. */
  close(): Promise<void>;
};

export async function openWorld(stack?: SharedStack): Promise<World> {
  quietRuntime();
  const shared = stack ?? inject("stack");
  const { address, ui } = shared;
  const name = `t_${randomUUID().slice(0, 8)}`;
  const opened: (() => Promise<unknown>)[] = [];
  const databaseUrl = await migratedDatabase(shared);
  await createNamespace(address, name);
  const where = { address, namespace: name, databaseUrl };
  const track = <T extends RunningWorker>(running: T): T => {
    opened.push(() => running.stop());
    return running;
  };
  const open = async (options: ConnectOptions = {}) => {
    const dlo = await connect({ ...where, ...options });
    opened.push(() => dlo.close());
    return dlo;
  };
  const dlo = await open({ identity: "tester" });
  const sql = postgres(databaseUrl, { max: 2, onnotice: () => undefined });
  opened.push(() => sql.end());
  const close = async () => {
    for (const end of opened.splice(0).toReversed()) await end();
  };
  return {
    ...where,
    ui,
    dlo,
    sql,
    connect: open,
    office: async (options = {}) => track(await runOffice({ ...where, ...options })),
    worker: async (options) => {
      const { databaseUrl: _, ...temporalOnly } = where;
      return track(await runWorker({ ...temporalOnly, ...options }));
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}

async function createNamespace(address: string, namespace: string): Promise<void> {
  const connection = await Connection.connect({ address });
  try {
    await connection.workflowService.registerNamespace({
      namespace,
      workflowExecutionRetentionPeriod: { seconds: 86_400 as never },
    });
    await until(async () => {
      await connection.operatorService.addSearchAttributes({
        namespace,
        searchAttributes: Object.fromEntries(
          searchAttributeNames.map((name) => [
            name,
            proto.temporal.api.enums.v1.IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD,
          ]),
        ),
      });
      return true;
    });
    await until(async () => {
      const { customAttributes } = await connection.operatorService.listSearchAttributes({ namespace });
      return searchAttributeNames.every((name) => customAttributes?.[name] !== undefined);
    });
  } finally {
    await connection.close();
  }
}

/** Asks until the answer is yes; an error is a no. The test's own timeout bounds it. */
export async function until(ask: () => Promise<boolean> | boolean): Promise<void> {
  for (;;) {
    try {
      if (await ask()) return;
    } catch {
      // Not yet.
    }
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}
