import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { type Background, background } from "../cli/background.ts";
import { environmentOf } from "../cli/dlo.ts";
import { deliver } from "../setup/post-office.ts";
import { openWorld, until, type World } from "../setup/world.ts";
import { balanced } from "./redriven.ts";

// Every part killed in the middle: nothing is retried twice, and nothing is left out.

vi.setConfig({ testTimeout: 150_000, hookTimeout: 90_000 });

let world: World;
let folder: string;
const runs = new Map<string, number>();
let mended = false;

beforeAll(async () => {
  world = await openWorld();
  folder = await mkdtemp(join(tmpdir(), "dlo-redrive-"));
  await world.worker({
    jobs: [
      deliver.handle((_, { workflowId }) => {
        runs.set(workflowId, (runs.get(workflowId) ?? 0) + 1);
        if (!mended) throw new Error("nobody at home");
        return "delivered";
      }),
    ],
  });
});
afterAll(async () => {
  await world?.close();
  await rm(folder, { recursive: true, force: true });
});

async function office(): Promise<Background> {
  const running = background(["office"], { cwd: folder, env: environmentOf(world) });
  await running.says("is open");
  return running;
}

test("an office that is killed twice in the middle of a redrive: each letter runs once, and all have their outcome", async () => {
  const letters = 60;
  let running = await office();
  await Promise.all(
    Array.from({ length: letters }, async (_, i) => {
      const run = await world.dlo.start(deliver, { to: "ann" }, { id: `mortal-${i}` });
      await run.result().catch(() => undefined);
    }),
  );
  mended = true;
  const started = await world.dlo.redrives.start({ filter: "job:deliver" }, { force: true, rate: 20, by: "ann" });
  for (const upTo of [10, 30]) {
    await until(async () => (await world.dlo.redrives.get(started.id)).counts.recovered >= upTo);
    await running.stop("SIGKILL");
    running = await office();
  }
  await until(async () => (await world.dlo.redrives.get(started.id)).status === "completed");
  const redrive = balanced(await world.dlo.redrives.get(started.id));
  expect(redrive.counts).toMatchObject({ items: letters, recovered: letters });
  expect([...runs.values()].filter((n) => n !== 2)).toEqual([]);
  const [odd] =
    await world.sql`select count(*)::int n from dlo.dead_letters where retries <> 1 or status <> 'recovered'`;
  expect(odd!["n"]).toBe(0);
  const items = await world.dlo.redrives.items(started.id);
  expect(new Set(items.map(({ runId }) => runId)).size).toBe(letters);
  const [asked] = await world.sql`select count(*)::int n from dlo.events where type = 'retry_asked'`;
  expect(asked!["n"]).toBe(letters);
});
