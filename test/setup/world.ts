import { randomUUID } from "node:crypto";
import { Connection } from "@temporalio/client";
import proto from "@temporalio/proto";
import { DefaultLogger, Runtime } from "@temporalio/worker";
import postgres from "postgres";
import { inject } from "vitest";
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

// Jobs die here by design, and each death is a warning of the SDK's.
Runtime.install({ logger: new DefaultLogger("ERROR") });

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
  const { address, ui, adminUrl, template } = stack ?? inject("stack");
  const name = `t_${randomUUID().slice(0, 8)}`;
  const opened: (() => Promise<unknown>)[] = [];
  const databaseUrl = await createDatabase(adminUrl, template, name);
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

async function createDatabase(adminUrl: string, template: string, name: string): Promise<string> {
  const sql = postgres(adminUrl, { max: 1, onnotice: () => undefined });
  await sql.unsafe(`create database ${name} template ${template}`);
  await sql.end();
  const url = new URL(adminUrl);
  url.pathname = `/${name}`;
  // A copied database would claim to be its template: an office knows its database by this id.
  const own = postgres(url.toString(), { max: 1 });
  await own`update dlo.office set database_id = ${randomUUID()}`;
  await own.end();
  return url.toString();
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
