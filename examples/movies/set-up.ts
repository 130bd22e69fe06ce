import { join } from "node:path";
import { connect, type Dlo } from "dead-letter-office/client";
import { runOffice, runWorker } from "dead-letter-office/worker";
import { useOnly } from "../../cli/dev-environment.ts";
import { startDevStack } from "../../cli/dev-stack.ts";
import { shownDatabase } from "../../connect/target.ts";
import { migrateDatabase } from "../../setup/migrate.ts";
import { type Catalogue, startCatalogue } from "./catalogue.ts";
import { importInto } from "./import-movie-handler.ts";
import { logWorkersTo } from "./worker-log.ts";

/** All that the example needs, running in this process or owned by it. */
export type Running = {
  readonly dlo: Dlo;
  readonly catalogue: Catalogue;
  /** `host:port` of Temporal. */
  readonly address: string;
  readonly databaseUrl: string;
  /** Of Temporal Web UI; none where somebody's own Temporal is used. */
  readonly ui?: string;
  /** Rejects when a server or a worker ends, asked to or not. */
  readonly failed: Promise<never>;
};

export type SetUpOptions = {
  readonly folder: string;
  readonly signal: AbortSignal;
  /** Takes what was started, as a name and where it is. */
  readonly started: (name: string, where: string) => void;
  /** Takes what needs some patience: a download, a port that is taken. */
  readonly progress: (line: string) => void;
  /** Takes how to stop what was started, in the order of the starts. */
  readonly stopLater: (stop: () => Promise<void>) => void;
};

/**
 * Starts Temporal and Postgres, the catalogue, an office and a worker for the job, and connects a client.
 *
 * @throws the signal's reason, when it is aborted before all runs
 */
export async function setUp({ folder, signal, started, progress, stopLater }: SetUpOptions): Promise<Running> {
  const stack = await startDevStack({ folder, ...ownServers() }, { progress, signal });
  stopLater(stack.stop);
  useOnly(stack);
  const { address, ui, databaseUrl } = stack;
  await migrateDatabase(databaseUrl);
  signal.throwIfAborted();
  started("Temporal", ui === undefined ? address : `${address}, Web UI ${ui}`);
  started("Postgres", shownDatabase(databaseUrl));

  const catalogue = await startCatalogue({ folder });
  stopLater(catalogue.stop);
  started("Catalogue", `${catalogue.url}/movies`);

  logWorkersTo(join(folder, "worker.log"));
  signal.throwIfAborted();
  const office = await runOffice();
  stopLater(office.stop);
  signal.throwIfAborted();
  const worker = await runWorker({ jobs: [importInto(() => catalogue.url)] });
  stopLater(worker.stop);
  started("Workers", "an office, which keeps the dead letters, and a worker that runs import-movie");

  const dlo = await connect({ identity: "npm start" });
  const failed = Promise.race([
    stack.failed.then((error) => Promise.reject(error)),
    endedByItself(office.done, "The office"),
    endedByItself(worker.done, "The worker"),
  ]);
  failed.catch(() => undefined);
  return { dlo, catalogue, address, databaseUrl, ...(ui === undefined ? {} : { ui }), failed };
}

/** Servers of one's own in place of the embedded ones, as `dlo dev` takes them. */
function ownServers(): { temporal?: string; postgres?: string } {
  const { DLO_DEV_TEMPORAL_ADDRESS: temporal, DLO_DEV_DATABASE_URL: postgres } = process.env;
  return { ...(temporal === undefined ? {} : { temporal }), ...(postgres === undefined ? {} : { postgres }) };
}

async function endedByItself(done: Promise<void>, what: string): Promise<never> {
  await done;
  throw new Error(`${what} ended by itself; worker.log, beside the other state, may say why.`);
}
