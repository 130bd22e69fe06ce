import { parseArgs } from "node:util";
import { z } from "zod";
import { inLanes } from "../activities/in-lanes.ts";
import { letterWorkflowId } from "../model/ids.ts";
import { defineJob } from "../model/index.ts";
import { foundInAll } from "../model/reconcile.ts";
import { openSharedStack } from "../test/setup/stack.ts";
import { openWorld, until } from "../test/setup/world.ts";
import { markdownTable, recordResults } from "./results-file.ts";

// How long a reconcile takes where nothing is amiss and where much is, and how fast runs are adopted: `npm run bench:repair`.

const { values: flags } = parseArgs({
  options: { letters: { type: "string", default: "1000" }, dry: { type: "boolean", default: false } },
});
const letters = Number(flags.letters);
const half = Math.floor(letters / 2);

const die = defineJob({ name: "die", input: z.object({ n: z.number() }), activity: { retry: { maximumAttempts: 1 } } });

const { stack, close } = await openSharedStack();
const world = await openWorld(stack);
await world.office();
await world.worker({
  jobs: [
    die.handle(({ n }) => {
      throw new Error(`no such order: ${n}`);
    }),
  ],
});
const { temporal } = world.dlo;
const rows: string[][] = [];

const died = await timed(async () => {
  await forEach(letters, async (n) => {
    await (await world.dlo.start(die, { n }, { id: `die-${n}` })).result().catch(() => undefined);
  });
  return letters;
});
record("jobs die, for comparison", died);

await world.dlo.reconcile();
const reconciled = async (what: string, options: { readonly thorough?: boolean } = {}) =>
  record(
    what,
    await timed(async () => {
      const report = await world.dlo.reconcile(options);
      if (report.mended !== foundInAll(report)) throw new Error(`${what}: ${JSON.stringify(report)}`);
      return report.mended;
    }),
  );

await reconciled("reconcile: nothing is amiss");
await reconciled("the same, `--thorough`: each letter is asked", { thorough: true });
await world.sql`delete from dlo.dead_letters where id in (select id from dlo.dead_letters limit ${half})`;
await reconciled("reconcile: half of the rows are gone");
await forEach(half, async (n) => await temporal.workflow.getHandle(letterWorkflowId(`die-${n}`)).terminate("bench"));
await reconciled("reconcile: half of the letters' workflows are gone");
await terminated("die", "lost");
await reconciled("reconcile: jobs were terminated, without a letter");
await reconciled("the next one finds nothing");
await terminated("order", "foreign");
const adopted = async (what: string) =>
  record(what, await timed(async () => (await world.dlo.adopt({ query: "WorkflowType = 'order'" })).adopted));
await adopted("adopt: workflows of another type, terminated");
await adopted("the same again");

const table = markdownTable(["what", "letters", "seconds", "a second"], rows);
console.log(`\n${table}\n`);
if (!flags.dry) recordResults("repair", `${letters} letters`, table);
await world.close();
await close();

/** Runs that nobody takes up, ended by hand. */
async function terminated(type: string, prefix: string): Promise<void> {
  await forEach(half, async (n) => {
    const options = { workflowId: `${prefix}-${n}`, taskQueue: "nobody", args: [{ n }] };
    await (await temporal.workflow.start(type, options)).terminate("bench");
  });
  const query = `WorkflowType = '${type}' AND ExecutionStatus = 'Terminated'`;
  await until(async () => (await temporal.workflow.count(query)).count >= half);
}

async function forEach(count: number, work: (n: number) => Promise<unknown>): Promise<void> {
  await inLanes([...Array(count).keys()], 50, work);
}

async function timed(work: () => Promise<number>): Promise<{ readonly done: number; readonly seconds: number }> {
  const began = performance.now();
  const done = await work();
  return { done, seconds: (performance.now() - began) / 1000 };
}

function record(what: string, { done, seconds }: { readonly done: number; readonly seconds: number }): void {
  const row = [what, String(done), seconds.toFixed(1), done === 0 ? "" : (done / seconds).toFixed(0)];
  console.log(row.join(" · "));
  rows.push(row);
}
