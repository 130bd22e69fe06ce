import { randomUUID } from "node:crypto";
import { tmpdir } from "node:os";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { z } from "zod";
import { defineJob } from "../../model/index.ts";
import { parkDeath } from "../../schema/park-death.ts";
import { openDatabase } from "../../schema/database.ts";
import { runOffice, type RunOfficeOptions } from "../../worker/index.ts";
import { background } from "../cli/background.ts";
import { environmentOf } from "../cli/dlo.ts";
import { deathOf } from "../schema/deaths.ts";
import { openCutProxy } from "../setup/cut-proxy.ts";
import { readMetrics, valueOf } from "../setup/read-metrics.ts";
import { openWorld, until, type World } from "../setup/world.ts";

// What an office answers about itself.

vi.setConfig({ testTimeout: 60_000 });

const job = defineJob({
  name: "pay",
  input: z.object({}),
  activity: { retry: { maximumAttempts: 1 } },
  deadLetter: { queue: "payments" },
});

let world: World;

beforeAll(async () => {
  world = await openWorld();
});
afterAll(async () => await world.close());

async function openOffice(options: RunOfficeOptions = {}) {
  const { address, namespace, databaseUrl } = world;
  const office = await runOffice({ address, namespace, databaseUrl, listen: "127.0.0.1:0", ...options });
  const ask = async (path: string, init?: RequestInit) => {
    const response = await fetch(office.url + path, init);
    const text = await response.text();
    return { status: response.status, headers: response.headers, text };
  };
  return {
    ...office,
    ask,
    json: async (path: string) => JSON.parse((await ask(path)).text) as Record<string, unknown>,
  };
}

test("/health grades by letters that died lately: 200, 200, and 500 from ten on", async () => {
  const { db, close } = openDatabase(world.databaseUrl);
  await using office = await openOffice({ health: { unhealthy: 3 } });
  const park = async () => {
    const id = randomUUID();
    const soon = Date.now() + 86_400_000;
    await parkDeath(db, deathOf(id, { namespace: world.namespace, diedAtMs: Date.now(), expiresAtMs: soon }));
  };
  const grades = [];
  for (let n = 0; n < 4; n++) {
    const { status, text, headers } = await office.ask("/health");
    const health = JSON.parse(text) as { status: string; deadLetters: number; timestamp: string };
    grades.push([status, health.status, health.deadLetters]);
    expect(headers.get("content-type")).toBe("application/json");
    expect(Date.parse(health.timestamp)).not.toBeNaN();
    await park();
  }
  expect(grades).toEqual([
    [200, "healthy", 0],
    [200, "degraded", 1],
    [200, "degraded", 2],
    [500, "unhealthy", 3],
  ]);
  expect(await office.json("/health")).toMatchObject({
    open: 4,
    reasons: ["within 1 hour 4 letters died and wait: unhealthy from 3"],
  });
  await world.sql`delete from dlo.dead_letters`;
  await close();
});

test("an unknown path says what there is, nothing but GET is taken, and the process lives", async () => {
  await using office = await openOffice();
  const { status, text } = await office.ask("/metric?x=1");
  expect(status).toBe(404);
  expect(JSON.parse(text)).toEqual({
    error: "There is no /metric here",
    paths: ["/health", "/ready", "/live", "/metrics"],
  });
  for (const path of ["/__proto__", "/constructor", "//health"]) expect((await office.ask(path)).status).toBe(404);
  const posted = await office.ask("/health", { method: "POST", body: "{}" });
  expect(posted.status).toBe(405);
  expect(posted.headers.get("allow")).toBe("GET, HEAD");
  expect(await office.ask("/ready?verbose", { method: "HEAD" })).toMatchObject({ status: 200, text: "" });
  expect(await office.json("/live")).toEqual({ live: true });
});

test("/ready says which part fails: Postgres cut or silent, and well again", async () => {
  const proxy = await openCutProxy(world.databaseUrl);
  const office = await openOffice({ databaseUrl: proxy.url });
  const works = { ready: true };
  expect(await office.json("/ready")).toMatchObject({
    ready: true,
    parts: { temporal: works, postgres: works, worker: works, clerk: works },
  });
  for (const [fail, why] of [
    [proxy.cut, /Postgres cannot be reached/],
    [proxy.silence, /Postgres did not answer within 5 seconds/],
  ] as const) {
    fail();
    await until(async () => (await office.ask("/ready")).status === 503);
    // Together: each waits for as long as it may.
    const [ready, health, metrics] = await Promise.all([
      office.json("/ready"),
      office.ask("/health"),
      office.ask("/metrics"),
    ]);
    expect(ready).toMatchObject({
      ready: false,
      parts: {
        temporal: works,
        worker: works,
        postgres: { ready: false, reason: expect.stringMatching(why) as string },
      },
    });
    expect(health.status).toBe(503);
    expect(JSON.parse(health.text)).toMatchObject({ status: "unknown", reasons: [expect.stringMatching(why)] });
    expect(metrics.status).toBe(200);
    const families = readMetrics(metrics.text);
    expect(valueOf(families, "dlo_ready", { part: "postgres" })).toBe(0);
    expect(valueOf(families, "dlo_ready", { part: "temporal" })).toBe(1);
    expect(families.has("dlo_compensation_waiting")).toBe(true);
    expect(families.has("dlo_letters_open")).toBe(false);
    expect((await office.ask("/live")).status).toBe(200);
    proxy.mend();
    await until(async () => (await office.ask("/ready")).status === 200);
  }
  await office.stop();
  await proxy.close();
  await expect(fetch(`${office.url}/ready`)).rejects.toThrow("fetch failed");
});

test("/metrics are the tables' numbers, and deaths that wait for the office show while Postgres is away", async () => {
  const proxy = await openCutProxy(world.databaseUrl);
  const office = await openOffice({
    databaseUrl: proxy.url,
    on: { parked: () => undefined },
    queues: { payments: {} },
  });
  await using _ = await world.worker({
    jobs: [
      job.handle(() => {
        throw new TypeError("no");
      }),
    ],
  });
  await until(async () => (await world.sql`select from dlo.cursors`).length === 1);
  for (const id of ["m-1", "m-2", "m-3"])
    await (await world.dlo.start(job, {}, { id })).result().catch(() => undefined);
  await world.dlo.letters.discard("m-3");
  const page = async () => readMetrics((await office.ask("/metrics")).text);
  await until(async () => {
    const families = await page();
    return (
      valueOf(families, "dlo_hook_calls_total", { event: "parked", outcome: "told" }) === 3 &&
      valueOf(families, "dlo_events_unnumbered") === 0 &&
      valueOf(families, "dlo_hook_events_behind", { event: "parked" }) === 0
    );
  });
  const families = await page();
  const [table] = await world.sql`
    select (select count(*)::int from dlo.dead_letters where closed_at is null) as open,
      (select count(*)::int from dlo.deaths) as deaths,
      (select extract(epoch from now() - min(failed_at))::float8 from dlo.dead_letters where closed_at is null) as oldest`;
  const labels = { queue: "payments", status: "parked", category: "code" };
  expect(valueOf(families, "dlo_letters_open", labels)).toBe(table!["open"]);
  expect(valueOf(families, "dlo_letters_closed", { status: "discarded" })).toBe(1);
  expect(valueOf(families, "dlo_deaths_total", { queue: "payments" })).toBe(table!["deaths"]);
  expect(valueOf(families, "dlo_deaths_by_category_total", { category: "code" })).toBe(3);
  // The first test's four count on, though their letters were deleted.
  expect(valueOf(families, "dlo_deaths_by_reason_total", { reason: "exhausted" })).toBe(7);
  expect(valueOf(families, "dlo_health")).toBe(1);
  expect(valueOf(families, "dlo_letters_recent")).toBe(2);
  expect(valueOf(families, "dlo_oldest_letter_seconds")).toBeGreaterThan(0);
  expect(valueOf(families, "dlo_oldest_letter_seconds")).toBeLessThanOrEqual(table!["oldest"] as number);
  expect(valueOf(families, "dlo_compensation_waiting")).toBe(0);

  proxy.cut();
  const dying = await world.dlo.start(job, {}, { id: "m-4" });
  await until(async () => {
    const waiting = await page();
    return valueOf(waiting, "dlo_compensation_waiting") === 1 && valueOf(waiting, "dlo_compensation_looked_at") === 1;
  });
  proxy.mend();
  await dying.result().catch(() => undefined);
  await until(async () => valueOf(await page(), "dlo_deaths_total", { queue: "payments" }) === 4);
  await office.stop();
  await proxy.close();
});

test("an office that cannot listen says so, and holds nothing", async () => {
  await using office = await openOffice();
  const { host } = new URL(office.url!);
  await expect(openOffice({ listen: host })).rejects.toMatchObject({
    code: "CONFIG_INVALID",
    message: expect.stringContaining(`listen: ${host} cannot be had`) as string,
  });
  expect((await office.ask("/ready")).status).toBe(200);
});

test("the command answers where --listen says, with the SDK's own metrics beside ours", async () => {
  const office = background(["office", "--listen", "127.0.0.1:0"], { cwd: tmpdir(), env: environmentOf(world) });
  await office.says("Ctrl-C stops.");
  const [url] = /http:\/\/127\.0\.0\.1:\d+/.exec(office.said()) ?? [];
  expect(office.said()).toContain(`is open (no dlo.config here: all defaults), and answers on ${url}`);
  const ready = await fetch(`${url}/ready`);
  expect({ status: ready.status, ...((await ready.json()) as object) }).toMatchObject({ status: 200, ready: true });
  await until(async () => {
    const metrics = await fetch(`${url}/metrics`);
    expect(metrics.headers.get("content-type")).toBe("text/plain; version=0.0.4; charset=utf-8");
    const families = readMetrics(await metrics.text());
    return families.has("dlo_letters_open") && families.has("temporal_num_pollers");
  });
  expect(await office.stop("SIGTERM")).toBe(0);
  expect(office.said()).toMatch(/Stopped\.\n(\d+ dead letters? (is|are) open|No dead letters are open)/);
});
