import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Client, Connection, type WorkflowHandle, type WorkflowStartOptions } from "@temporalio/client";
import { defineSearchAttributeKey } from "@temporalio/common";
import proto from "@temporalio/proto";
import { inject } from "vitest";
import { openWorld, until, type World } from "../setup/world.ts";
import type { ForeignWorkers } from "./workers.ts";

export const sdks = ["go", "python"] as const satisfies readonly (keyof ForeignWorkers)[];

/** On workflows of both workers, who read it. */
export const parcelOwner = defineSearchAttributeKey("ParcelOwner", "KEYWORD");

/** What both workers' workflows take. */
export type Parcel = { readonly id: string; readonly journal: string; readonly mended: string };

/** What a step of theirs wrote down when it began. */
export type Step = {
  readonly step: string;
  readonly parcel: string;
  readonly attempt: number;
  readonly received: { title: string; scan: string; note: string; owner: string } | null;
};

/** A world with a worker of another SDK in it. */
export type Depot = World & {
  readonly taskQueue: string;
  parcel(id: string): Parcel;
  /** The steps that ran for a parcel, attempts included, in order: `WeighParcel 1`. */
  steps(parcel: Parcel): string[];
  journal(parcel: Parcel): Step[];
  start(type: string, id: string, args: readonly unknown[], options?: ParcelOptions): Promise<WorkflowHandle>;
  /** Starts a workflow, and waits until it has ended badly and can be found by that. */
  failed(type: string, id: string, args: readonly unknown[], options?: ParcelOptions): Promise<WorkflowHandle>;
  /** From now on what was broken for this parcel works. */
  mend(parcel: Parcel): void;
};

export type ParcelOptions = Pick<WorkflowStartOptions, "memo" | "typedSearchAttributes" | "workflowRunTimeout"> & {
  /** @default the world's own, which knows no codec */
  readonly client?: Client;
};

/** @param mirrored whether the worker reads and writes payloads with the mirror codec */
export async function openDepot(sdk: keyof ForeignWorkers, mirrored = false): Promise<Depot> {
  const world = await openWorld();
  const folder = await mkdtemp(join(tmpdir(), "dlo-foreign-"));
  await addParcelOwner(world);
  const taskQueue = `parcels-${sdk}`;
  const stop = await startWorker(inject("workers")[sdk], [
    ...["--address", world.address],
    ...["--namespace", world.namespace],
    ...["--task-queue", taskQueue],
    ...(mirrored ? ["--mirrored"] : []),
  ]);
  const journal = (parcel: Parcel) =>
    readFileSync(parcel.journal, "utf8")
      .split("\n")
      .filter(Boolean)
      .map((line) => JSON.parse(line) as Step);
  const start: Depot["start"] = async (type, workflowId, args, { client = world.dlo.temporal, ...options } = {}) =>
    await client.workflow.start(type, { workflowId, taskQueue, args: [...args], ...options });
  const close = async () => {
    await stop();
    await world.close();
    await rm(folder, { recursive: true, force: true });
  };
  return {
    ...world,
    taskQueue,
    parcel: (id) => {
      const parcel = { id, journal: join(folder, `${id}.jsonl`), mended: join(folder, `${id}.mended`) };
      writeFileSync(parcel.journal, "");
      return parcel;
    },
    steps: (parcel) => journal(parcel).map(({ step, attempt }) => `${step} ${attempt}`),
    journal,
    start,
    async failed(...given) {
      const handle = await start(...given);
      const ended = await handle.result().then(
        () => false,
        () => true,
      );
      if (!ended) throw new Error(`${handle.workflowId} was to fail`);
      await isFound(world, handle.workflowId);
      return handle;
    },
    mend: (parcel) => writeFileSync(parcel.mended, ""),
    close,
    [Symbol.asyncDispose]: close,
  };
}

/** Until Temporal's list has heard of its end. */
export async function isFound({ dlo }: World, workflowId: string): Promise<void> {
  const query = `WorkflowId = '${workflowId}' AND ExecutionStatus IN ('Failed', 'TimedOut', 'Terminated')`;
  await until(async () => (await dlo.temporal.workflow.count(query)).count > 0);
}

/** Runs it until it takes work. It ends when its input does, so at the latest with this process. */
async function startWorker(
  [command, ...args]: readonly string[],
  flags: readonly string[],
): Promise<() => Promise<void>> {
  const child = spawn(command!, [...args, ...flags], { stdio: ["pipe", "pipe", "pipe"] });
  const ended = once(child, "close");
  let output = "";
  await new Promise<void>((resolve, reject) => {
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding("utf8").on("data", (text: string) => {
        output += text;
        if (/^ready$/m.test(output)) resolve();
      });
    child.once("error", reject);
    void ended.then(([code]) => reject(new Error(`${command} ended with ${String(code)}:\n${output}`)));
  });
  return async () => {
    child.stdin.end();
    await ended;
  };
}

async function addParcelOwner({ address, namespace }: World): Promise<void> {
  const { INDEXED_VALUE_TYPE_KEYWORD } = proto.temporal.api.enums.v1.IndexedValueType;
  const connection = await Connection.connect({ address });
  try {
    await connection.operatorService.addSearchAttributes({
      namespace,
      searchAttributes: { [parcelOwner.name]: INDEXED_VALUE_TYPE_KEYWORD },
    });
    await until(async () => {
      const { customAttributes } = await connection.operatorService.listSearchAttributes({ namespace });
      return customAttributes?.[parcelOwner.name] !== undefined;
    });
  } finally {
    await connection.close();
  }
}
