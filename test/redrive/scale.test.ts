import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { openCountingProxy } from "../setup/counting-proxy.ts";
import { openStubOffice } from "../setup/stub-redrive.ts";
import { openWorld, until, type World } from "../setup/world.ts";
import { balanced } from "./redriven.ts";

// Thousands of letters, with an office that asks nobody: its workflow goes on as a new run, and each letter is asked once.

vi.setConfig({ testTimeout: 90_000 });

let world: World;
beforeAll(async () => {
  world = await openWorld();
  await world.sql`
    insert into dlo.causes (id, fingerprint, version, title, error_type, first_seen_at)
    values ('00000000-0000-4000-8000-000000000001', 'scale', 1, 'scale', 'Error', now())`;
});
afterAll(async () => await world?.close());

/** Rows alone: nobody asks their workflows. */
async function letters(batch: string, n: number): Promise<void> {
  await world.sql`
    insert into dlo.dead_letters (id, namespace, workflow_id, run_id, workflow_type, task_queue, kind, job, queue, status, reason, category,
      error_type, error_message, cause_id, failure, payload_data, idempotency_key, attempts, first_failed_at, failed_at, batch)
    select gen_random_uuid(), ${world.namespace}, ${`${batch}/`} || n, 'run', 'scale', 'jobs', 'job', 'scale', 'default', 'parked', 'exhausted',
      'network', 'Error', 'scale', '00000000-0000-4000-8000-000000000001', '{}', '\\x00', 'x', 1, now(), now(), ${batch}
    from generate_series(1, ${n}::int) as n`;
}

test("it goes on as a new run, over and over, and asks each letter once, in order", async () => {
  await letters("new-runs", 3000);
  const office = await openStubOffice(world);
  const started = await world.dlo.redrives.start({ filter: "batch:new-runs" }, { rate: 20, maxInFlight: 1000 });
  const handle = world.dlo.temporal.workflow.getHandle(`redrive/${started.id}`);
  const first = await handle.describe();
  // Each change is some events: the tests' server asks for a new run from 200 on.
  while ((await handle.describe()).runId === first.runId) await world.dlo.redrives.set(started.id, { rate: 20 });
  await world.dlo.redrives.set(started.id, { rate: 500 });
  await until(async () => (await world.dlo.redrives.get(started.id)).status === "completed");
  expect(balanced(await world.dlo.redrives.get(started.id)).counts).toMatchObject({ items: 3000, recovered: 3000 });
  expect(office.asked.map(({ n }) => n).toSorted((a, b) => a - b)).toEqual(
    Array.from({ length: 3000 }, (_, i) => i + 1),
  );
  await office.stop();
});

test("what it costs does not grow with its letters: events, and statements beside those of the letters", async () => {
  const proxy = await openCountingProxy(world.databaseUrl);
  const office = await openStubOffice({ ...world, databaseUrl: proxy.url });
  const cost = async (batch: string, n: number) => {
    await letters(batch, n);
    const [before, beganAtMs] = [proxy.statements(), Date.now()];
    const started = await world.dlo.redrives.start({ filter: `batch:${batch}` }, { rate: 500, maxInFlight: 1000 });
    await until(async () => (await world.dlo.redrives.get(started.id)).status === "completed");
    const handle = world.dlo.temporal.workflow.getHandle(`redrive/${started.id}`);
    await until(async () => (await handle.describe()).status.name === "COMPLETED");
    const { historyLength } = await handle.describe();
    const slices = Math.ceil((Date.now() - beganAtMs) / 2000);
    return { events: historyLength, statements: proxy.statements() - before, slices };
  };
  await cost("warm-up", 10);
  const [few, many] = [await cost("few", 100), await cost("many", 2500)];
  console.log(
    `\nA redrive of 100 letters: ${few.events} events, ${few.statements} statements; of 2,500: ${many.events}, ${many.statements}\n`,
  );
  // Slices of two seconds and more, six events each.
  expect(many.events - few.events).toBeLessThanOrEqual(6 * many.slices);
  // Claims, marks and counts go by the batch: below one statement a letter, the stub's own included.
  expect(many.statements).toBeLessThan(2500);
  await office.stop();
  await proxy.close();
});
