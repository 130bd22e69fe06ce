import { readFileSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { fileURLToPath } from "node:url";
import { NativeConnection, Worker } from "@temporalio/worker";
import { z } from "zod";
import { letterWorkflowId } from "../model/ids.ts";
import { defineJob } from "../model/index.ts";
import { openSharedStack } from "../test/setup/stack.ts";
import { openWorld } from "../test/setup/world.ts";
import { median } from "./measure.ts";

// What supervision costs, as a ratio to bare one-activity workflows on the same server in the same run: `npm run bench`.
// The rounds are interleaved, and each figure is divided by the mean of the bare runs before and after it: the machine's
// state moves more than what is measured.

const items = 100;
const rounds = 5;

const succeed = defineJob({
  name: "succeed",
  input: z.object({ n: z.number() }),
  activity: { retry: { maximumAttempts: 1 } },
});
const die = defineJob({ name: "die", input: z.object({ n: z.number() }), activity: { retry: { maximumAttempts: 1 } } });

type Rate = { readonly perSecond: number; readonly serverMs: number };
type Measure = "bare" | "succeeds" | "dies" | "recovers" | "redriven";

const { stack, close } = await openSharedStack();
const world = await openWorld(stack);
const mended = new Set<string>();
await world.office();
await world.worker({
  jobs: [
    succeed.handle(({ n }) => n),
    die.handle(({ n }, { workflowId }) => {
      if (mended.has(workflowId)) return n;
      throw new Error(`no such order: ${n}`);
    }),
  ],
});
const connection = await NativeConnection.connect({ address: world.address });
const bareWorker = await Worker.create({
  connection,
  namespace: world.namespace,
  taskQueue: "bare",
  workflowsPath: fileURLToPath(new URL("./bare-workflow.ts", import.meta.url)),
  activities: { work: async ({ n }: { n: number }) => await Promise.resolve(n) },
});
const bareRuns = bareWorker.run();
const { temporalPid: serverPid } = stack;

await round(0); // Warms up caches, connections and prepared statements.
const measured: Record<Measure, Rate[]> = { bare: [], succeeds: [], dies: [], recovers: [], redriven: [] };
const ratios: Record<Exclude<Measure, "bare">, number[]> = { succeeds: [], dies: [], recovers: [], redriven: [] };
for (let i = 1; i <= rounds; i++) {
  await round(i);
  console.log(
    `round ${i} of ${rounds}: ${Object.entries(ratios)
      .map(([name, all]) => `${name} ${all.at(-1)!.toFixed(2)}`)
      .join(" · ")}`,
  );
}
report();
bareWorker.shutdown();
await bareRuns;
await connection.close();
await world.close();
await close();

async function round(i: number): Promise<void> {
  const id = (what: string, n: number) => `${what}-${i}-${n}`;
  let before = await measure((n) => startBare(id("bare-a", n)));
  const compare = async (name: Exclude<Measure, "bare">, rated: () => Promise<Rate>) => {
    const rate = await rated();
    const after = await measure((n) => startBare(id(`bare-${name}`, n)));
    if (i > 0) {
      ratios[name].push(rate.perSecond / ((before.perSecond + after.perSecond) / 2));
      measured[name].push(rate);
      measured.bare.push(after);
    }
    before = after;
  };
  const each = (work: (n: number) => Promise<unknown>) => async () => await measure(work);
  await compare(
    "succeeds",
    each(async (n) => await (await world.dlo.start(succeed, { n }, { id: id("ok", n) })).result()),
  );
  // A death counts once its row is written and its letter parked: both are done when the job has failed.
  const dies = (what: string) => async (n: number) => {
    const run = await world.dlo.start(die, { n }, { id: id(what, n), batch: id(what, 0) });
    await run.result().catch(() => undefined);
  };
  await compare("dies", each(dies("die")));
  for (let n = 0; n < items; n++) mended.add(id("die", n));
  // A recovery counts once it is confirmed and recorded: then the letter's workflow has ended.
  await compare(
    "recovers",
    each(async (n) => {
      const letter = world.dlo.temporal.workflow.getHandle(letterWorkflowId(id("die", n)));
      await letter.signal("retry", { by: "bench", requestId: id("r", n) });
      await letter.result();
    }),
  );
  await measure(dies("more"));
  for (let n = 0; n < items; n++) mended.add(id("more", n));
  await compare("redriven", async () => await redrive(id("more", 0)));
}

/** A whole redrive at full speed, from its start to the last outcome in its report. */
async function redrive(batch: string): Promise<Rate> {
  const [startedMs, startedCpuMs] = [Date.now(), cpuMs(serverPid)];
  const options = { rate: 500, maxInFlight: items, force: true };
  const { id } = await world.dlo.redrives.start({ filter: `batch:"${batch}"` }, options);
  for await (const { counts } of world.dlo.redrives.follow(id)) if (counts.recovered === items) break;
  const serverMs = (cpuMs(serverPid) - startedCpuMs) / items;
  // Its counts are a moment late.
  const [last] = await world.sql`select max(ended_at) as at from dlo.redrive_items where redrive_id = ${id}`;
  return { perSecond: items / (((last!["at"] as Date).getTime() - startedMs) / 1000), serverMs };
}

async function startBare(workflowId: string): Promise<void> {
  const handle = await world.dlo.temporal.workflow.start("bare", { workflowId, taskQueue: "bare", args: [{ n: 1 }] });
  await handle.result();
}

/** All items in flight at once. */
async function measure(work: (n: number) => Promise<unknown>): Promise<Rate> {
  const [startedMs, startedCpuMs] = [performance.now(), cpuMs(serverPid)];
  await Promise.all(Array.from({ length: items }, async (_, n) => await work(n)));
  return {
    perSecond: items / ((performance.now() - startedMs) / 1000),
    serverMs: (cpuMs(serverPid) - startedCpuMs) / items,
  };
}

function report(): void {
  const asked = { succeeds: 0.95, dies: 0.5, recovers: 0.45, redriven: 0.45 };
  const words = {
    succeeds: "jobs that succeed",
    dies: "deaths: row written, letter parked",
    recovers: "retry by signal: outcome confirmed and recorded",
    redriven: "a redrive at full speed, snapshot and report included",
  };
  const rows = (Object.keys(asked) as (keyof typeof asked)[]).map((name) => {
    const all = ratios[name].toSorted((a, b) => a - b);
    const cells = [
      words[name],
      median(all).toFixed(2),
      `${all[0]!.toFixed(2)} to ${all.at(-1)!.toFixed(2)}`,
      asked[name].toFixed(2),
    ];
    return `| ${[...cells, rate(name), serverMs(name)].join(" | ")} |`;
  });
  const text = [
    "| path | ratio to bare | of five rounds | asked | a second | server's ms an item |",
    "| --- | --- | --- | --- | --- | --- |",
    ...rows,
    `| bare one-activity workflow | 1 | | | ${rate("bare")} | ${serverMs("bare")} |`,
  ].join("\n");
  console.log(`\n${text}\n`);
  const file = fileURLToPath(new URL("./RESULTS.md", import.meta.url));
  const results = readFileSync(file, "utf8");
  const machine = `${cpus().length} processors, Node ${process.version}, ${new Date().toISOString().slice(0, 10)}`;
  const block = `<!-- ratios -->\n${machine}; ${items} items in flight, medians of ${rounds} interleaved rounds.\n\n${text}\n<!-- /ratios -->`;
  writeFileSync(file, results.replace(/<!-- ratios -->[\s\S]*<!-- \/ratios -->/, block));
}

function rate(name: Measure): string {
  return median(measured[name].map(({ perSecond }) => perSecond)).toFixed(0);
}

function serverMs(name: Measure): string {
  return median(measured[name].map((one) => one.serverMs)).toFixed(0);
}

/** Processor time of a process so far; 0 where the system does not say it (outside Linux). */
function cpuMs(pid: number): number {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]!.split(" ");
    return (Number(fields[11]) + Number(fields[12])) * 10;
  } catch {
    return 0;
  }
}
