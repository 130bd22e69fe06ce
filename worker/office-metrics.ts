import { Counter, Gauge, Registry } from "prom-client";
import { waitingDeaths } from "../connect/waiting-deaths.ts";
import { healthGrades } from "../model/health.ts";
import type { Health } from "../model/health.ts";
import { officeNumbers } from "../schema/office-numbers.ts";
import { inTime } from "./in-time.ts";
import type { OfficeState } from "./office-state.ts";
import { oneAtATime } from "./one-at-a-time.ts";
import { officeParts, type Readiness } from "./readiness.ts";

/** Each look asks Temporal up to a hundred questions. */
const waitingFreshMs = 15_000;

/**
 * The office in Prometheus' text format. What cannot be had at the moment is left out, and `dlo_ready` says so: while
 * Postgres is down, the deaths that wait are what matters. No label has more values than a configuration names.
 */
export function officeMetrics(
  office: OfficeState,
  readiness: () => Promise<Readiness>,
  health: () => Promise<Health>,
): () => Promise<string> {
  const { namespace, client, db, followers, queues, calls, sdkMetrics } = office;
  const numbers = oneAtATime(async () => await officeNumbers(db, { namespace, followers, queues }));
  const waiting = oneAtATime(async () => await waitingDeaths(client), waitingFreshMs);
  const unnumberedFor = waitClock();
  return async () => {
    const [ready, tables, graded, dying, sdk] = await Promise.all([
      readiness(),
      known("Postgres", numbers()),
      known("Postgres", health()),
      known("Temporal", waiting()),
      sdkMetrics === undefined ? undefined : known("The SDK", pageOf(sdkMetrics)),
    ]);
    const registry = new Registry();
    const gauge = gaugeOf(registry);
    const counter = counterOf(registry);

    const parts = gauge("dlo_ready", "Whether a part of this office works: 1, or 0", ["part"]);
    for (const part of officeParts) parts({ part }, ready.parts[part].ready ? 1 : 0);

    if (tables !== undefined) {
      const open = gauge("dlo_letters_open", "Open dead letters of the namespace", ["queue", "status", "category"]);
      for (const { n, ...labels } of tables.open) open(labels, n);
      const closed = gauge("dlo_letters_closed", "Closed dead letters that are not pruned yet", ["status"]);
      for (const { n, ...labels } of tables.closed) closed(labels, n);
      const byDimension = {
        queue: counter("dlo_deaths_total", "Deaths recorded, by dead letter queue", ["queue"]),
        category: counter("dlo_deaths_by_category_total", "Deaths recorded, by category", ["category"]),
        reason: counter("dlo_deaths_by_reason_total", "Deaths recorded, by reason", ["reason"]),
      };
      for (const { dimension, value, n } of tables.deaths) byDimension[dimension]({ [dimension]: value }, n);
      const { unnumbered, oldestId } = tables.events;
      gauge("dlo_events_unnumbered", "Events that wait for their position, counted up to 10,000")({}, unnumbered);
      gauge("dlo_events_unnumbered_seconds", "How long the oldest of them has been seen to wait")(
        {},
        unnumberedFor(oldestId),
      );
      const behind = gauge("dlo_hook_events_behind", "Events that an event's hooks have still to pass", ["event"]);
      for (const { name: cursor, behind: events } of tables.followers)
        behind({ event: cursor.slice(cursor.lastIndexOf("/") + 1) }, events);
    }
    if (graded !== undefined) {
      gauge("dlo_health", "What /health says: 0 healthy, 1 degraded, 2 unhealthy")(
        {},
        healthGrades.indexOf(graded.status),
      );
      gauge("dlo_letters_recent", "Letters that died within /health's window and that nobody dealt with")(
        {},
        graded.deadLetters,
      );
      const ageMs = graded.oldestAt === null ? 0 : graded.timestamp.getTime() - graded.oldestAt.getTime();
      gauge(
        "dlo_oldest_letter_seconds",
        "How long ago the last death of the oldest open letter is; 0 where none is open",
      )({}, ageMs / 1000);
    }
    if (dying !== undefined) {
      gauge("dlo_compensation_waiting", "Dying jobs that wait for an office to record their deaths")(
        {},
        dying.waiting.length,
      );
      gauge("dlo_compensation_looked_at", "Running jobs that were looked at for that, the newest, at most 100")(
        {},
        dying.lookedAt,
      );
    }
    const told = counter("dlo_hook_calls_total", "Calls of hooks by this process", ["event", "outcome"]);
    for (const { type, outcome, n } of calls()) told({ event: type, outcome }, n);
    return [await registry.metrics(), sdk ?? ""].join("\n");
  };
}

async function known<Answer>(what: string, answer: Promise<Answer>): Promise<Answer | undefined> {
  try {
    return await inTime(what, answer);
  } catch {
    return undefined;
  }
}

/** The SDK's own page, as it is: its names begin with `temporal_`. */
async function pageOf(address: string): Promise<string | undefined> {
  const page = await fetch(`http://${address}/metrics`);
  return page.ok ? await page.text() : undefined;
}

type Set = (labels: Readonly<Record<string, string>>, value: number) => void;

function gaugeOf(registry: Registry) {
  return (name: string, help: string, labelNames: readonly string[] = []): Set => {
    const gauge = new Gauge({ name, help, labelNames: [...labelNames], registers: [registry] });
    return (labels, value) => gauge.set(labels, value);
  };
}

function counterOf(registry: Registry) {
  return (name: string, help: string, labelNames: readonly string[]): Set => {
    const counter = new Counter({ name, help, labelNames: [...labelNames], registers: [registry] });
    return (labels, value) => counter.inc(labels, value);
  };
}

/** Since when the same event has been the oldest that waits. An event's own time may be that of a death long ago. */
function waitClock(): (oldestId: number | undefined) => number {
  let seen: { readonly id: number; readonly atMs: number } | undefined;
  return (oldestId) => {
    if (oldestId === undefined) seen = undefined;
    else if (seen?.id !== oldestId) seen = { id: oldestId, atMs: performance.now() };
    return seen === undefined ? 0 : (performance.now() - seen.atMs) / 1000;
  };
}
