import { parseArgs } from "node:util";
import postgres from "postgres";
import { readRedrive } from "../model/read-redrive.ts";
import { noCounts, type RedriveState } from "../model/redrive.ts";
import { openStubOffice } from "../test/setup/stub-redrive.ts";
import { openSharedStack } from "../test/setup/stack.ts";
import { openWorld } from "../test/setup/world.ts";
import { markdownTable, recordResults } from "./results-file.ts";
import { v7 as uuidv7 } from "uuid";

// Whether a redrive keeps its rate, and whether it holds for a million letters: `npm run bench:redrive`. Both with an office that
// asks nobody (test/setup/stub-redrive.ts): on two cores Temporal itself would take hours for a million.

const { values: flags } = parseArgs({
  options: {
    letters: { type: "string", default: "1000000" },
    rates: { type: "string", default: "0.5,5,10,500" },
    dry: { type: "boolean", default: false },
  },
});

const { stack, close } = await openSharedStack();
const world = await openWorld(stack);
const sql = postgres(world.databaseUrl, { max: 2, onnotice: () => undefined });
const office = await openStubOffice(world);
const rates: string[][] = [];
for (const rate of flags.rates.split(",").map(Number)) rates.push(await holdRate(rate));
const rateTable = markdownTable(["asked a second", "items", "held a second", "off by", "longest gap", "asked"], rates);
console.log(`\n${rateTable}\n`);
const million = await manyLetters(Number(flags.letters));
console.log(`\n${million}\n`);
if (!flags.dry) {
  recordResults("redrive-rates", "an office that asks nobody", rateTable);
  recordResults("redrive-million", "the same office, 4,000 letters a second asked for", million);
}
await office.stop();
await sql.end();
await world.close();
await close();

/** At least a hundred items, and some seconds. */
async function holdRate(rate: number): Promise<string[]> {
  const items = Math.max(100, rate * 20);
  await fill(`rate-${rate}`, items);
  office.asked.length = 0;
  const { id } = await world.dlo.redrives.start(
    { filter: `batch:rate-${rate}` },
    { force: true, rate, maxInFlight: 10_000 },
  );
  await end(id);
  const times = office.asked.map(({ atMs }) => atMs).toSorted((a, b) => a - b);
  const held = ((times.length - 1) * 1000) / (times.at(-1)! - times[0]!);
  const gaps = times.slice(1).map((at, i) => at - times[i]!);
  const off = Math.abs(held / rate - 1);
  console.log(`${rate} a second: ${held.toFixed(3)}`);
  return [
    ...[String(rate), String(times.length), held.toFixed(rate < 10 ? 3 : 1), `${(off * 100).toFixed(2)}%`],
    ...[`${Math.max(...gaps)} ms`, off <= 0.02 ? "≤ 2%: met" : "≤ 2%: **missed**"],
  ];
}

/** The rate is beyond what can be asked for: the workflow is started with a spec of its own. */
async function manyLetters(letters: number): Promise<string> {
  await fill("million", letters);
  office.asked.length = 0;
  const id = uuidv7();
  const checked = readRedrive(
    id,
    { filter: "batch:million" },
    { force: true, rate: 500, maxInFlight: 20_000 },
    { by: "bench", atMs: Date.now() },
  );
  const spec = { ...checked, limits: { ...checked.limits, rate: 4_000 } };
  const state: RedriveState = { version: 1, spec, status: "preparing", counts: noCounts };
  const [beganAt, cpu] = [performance.now(), process.cpuUsage()];
  const handle = await world.dlo.temporal.workflow.start("redrive", {
    workflowId: `redrive/${id}`,
    taskQueue: "dead-letter-office",
    args: [state],
  });
  let snapshotMs = 0;
  for (let said = 0; ;) {
    const redrive = await world.dlo.redrives.get(id).catch(() => undefined);
    if (redrive?.snapshotAt && snapshotMs === 0) snapshotMs = performance.now() - beganAt;
    if (redrive?.status === "completed") break;
    if (redrive !== undefined && Date.now() - said > 10_000) {
      console.log(`${redrive.counts.recovered} of ${redrive.counts.items}`);
      said = Date.now();
    }
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
  const seconds = (performance.now() - beganAt) / 1000;
  const { user, system } = process.cpuUsage(cpu);
  const { counts } = await world.dlo.redrives.get(id);
  const [twice] =
    await sql`select count(*)::int as n from (select letter_id from dlo.redrive_items where redrive_id = ${id} group by 1 having count(*) > 1) as x`;
  const [runs] = await sql`select count(distinct run_id)::int as n from dlo.redrive_items where redrive_id = ${id}`;
  const description = await handle.describe();
  const { historyLength } = description;
  const first = await sql`select count(*)::int as n from dlo.redrives where id = ${id} and items = recovered`;
  return markdownTable(
    [
      "letters",
      "snapshot",
      "in all",
      "a second",
      "balance",
      "asked twice",
      "runs",
      "events of the last run",
      "office's processor",
    ],
    [
      [
        ...[
          letters.toLocaleString("en"),
          `${(snapshotMs / 1000).toFixed(1)} s`,
          `${seconds.toFixed(0)} s`,
          (letters / seconds).toFixed(0),
        ],
        ...[
          `${counts.items} = ${counts.recovered} recovered${first[0]!["n"] === 1 ? "" : " (**differs**)"}`,
          String(office.asked.length - new Set(office.asked.map(({ n }) => n)).size + twice!["n"]),
        ],
        ...[String(runs!["n"]), String(historyLength), `${((user + system) / 1e6).toFixed(0)} s`],
      ],
    ],
  );
}

async function end(id: string): Promise<void> {
  for await (const _ of world.dlo.redrives.follow(id, { everyMs: 200 }));
}

/** Open letters that nobody has to look at: only what a redrive reads of them is told. Their text needs no index. */
async function fill(batch: string, letters: number): Promise<void> {
  await sql.unsafe(`
    drop index if exists dlo.dead_letters_open_message, dlo.dead_letters_open_payload, dlo.dead_letters_tags;
    insert into dlo.causes (id, fingerprint, version, title, error_type, first_seen_at)
      values ('00000000-0000-4000-8000-000000000001', 'bench', 1, 'bench', 'Error', now()) on conflict do nothing`);
  for (let from = 1; from <= letters; from += 50_000) {
    const to = Math.min(from + 49_999, letters);
    await sql`
      insert into dlo.dead_letters (id, namespace, workflow_id, run_id, workflow_type, task_queue, kind, job, queue, status, reason, category,
        error_type, error_message, cause_id, failure, payload, payload_data, idempotency_key, attempts, first_failed_at, failed_at, batch)
      select gen_random_uuid(), ${world.namespace}, ${`${batch}/`} || n, 'run', 'bench', 'jobs', 'job', 'bench', 'default', 'parked', 'exhausted',
        'network', 'Error', 'bench', '00000000-0000-4000-8000-000000000001', '{}', '{}', '\\x00', 'x', 1, now(), now(), ${batch}
      from generate_series(${from}::int, ${to}::int) as n`;
    if (letters > 50_000) console.log(`${to} of ${letters} letters`);
  }
  await sql.unsafe("vacuum analyze dlo.dead_letters");
}
