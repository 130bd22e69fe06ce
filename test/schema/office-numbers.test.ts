import { expect, test } from "vitest";
import { healthLimits, type HealthOptions } from "../../model/health.ts";
import { foldCounts } from "../../schema/fold-counts.ts";
import { readHealth } from "../../schema/health.ts";
import { officeNumbers } from "../../schema/office-numbers.ts";
import { openTotals } from "../../schema/open-totals.ts";
import { parkDeath } from "../../schema/park-death.ts";
import { testDatabase } from "../setup/postgres.ts";
import { causeNamed, deathOf } from "./deaths.ts";

const minuteMs = 60_000;
const ago = (minutes: number) => ({ diedAtMs: Date.now() - minutes * minuteMs, expiresAtMs: Date.now() + 86_400_000 });

test("a grade counts what died in the window, is parked, and is of a cause that nobody ignores", async () => {
  const { db, sql } = await testDatabase();
  const health = async (options: HealthOptions = {}, namespace?: string) =>
    await readHealth(db, healthLimits(options), namespace);
  expect(await health()).toMatchObject({ status: "healthy", deadLetters: 0, open: 0, oldestAt: null, reasons: [] });

  for (let n = 0; n < 10; n++) {
    await parkDeath(db, deathOf(`recent-${n}`, ago(59)));
    const deadLetters = n + 1;
    expect(await health()).toMatchObject({ status: deadLetters < 10 ? "degraded" : "unhealthy", deadLetters });
  }
  await parkDeath(db, deathOf("before", ago(61)));
  await parkDeath(db, deathOf("elsewhere", { namespace: "other", ...ago(0) }));
  expect(await health()).toMatchObject({ deadLetters: 11, open: 12 });
  expect(await health({}, "default")).toMatchObject({ deadLetters: 10, open: 11 });
  expect(await health({}, "other")).toMatchObject({ deadLetters: 1, open: 1 });
  expect((await health()).oldestAt!.getTime()).toBeLessThan(Date.now() - 60 * minuteMs);
  expect(await health({ window: "2 hours" }, "default")).toMatchObject({ deadLetters: 11 });

  // Somebody sees to them: a retry runs, one was discarded.
  await sql`update dlo.dead_letters set status = 'retrying', expires_at = null, retries = 1 where workflow_id = 'recent-0'`;
  await sql`update dlo.dead_letters set status = 'discarded', expires_at = null, closed_at = now() where workflow_id = 'recent-1'`;
  expect(await health({}, "default")).toMatchObject({ status: "degraded", deadLetters: 8, open: 10 });
  // The retry died: it waits again.
  await sql`update dlo.dead_letters set status = 'parked', failed_at = now() where workflow_id = 'recent-0'`;
  expect(await health({}, "default")).toMatchObject({ deadLetters: 9 });

  await sql`update dlo.causes set state = 'ignored', ignored_until = now() + interval '1 day'`;
  expect(await health({}, "default")).toMatchObject({ status: "healthy", deadLetters: 0, open: 10 });
  await sql`update dlo.causes set ignored_until = now() - interval '1 second'`;
  expect(await health({}, "default")).toMatchObject({ status: "degraded", deadLetters: 9 });
});

test("an office's numbers are those of its tables, folded or not", async () => {
  const { db, sql } = await testDatabase();
  const numbers = async () =>
    await officeNumbers(db, {
      namespace: "default",
      followers: ["hooks/default/o/parked", "hooks/default/o/new"],
      queues: ["payments", "default"],
    });
  expect(await numbers()).toEqual({ open: [], closed: [], deaths: [], events: { unnumbered: 0 }, followers: [] });

  await parkDeath(db, deathOf("a", { queue: "payments", category: "network" }));
  await parkDeath(db, deathOf("a", { queue: "payments", category: "network" }));
  await parkDeath(db, deathOf("b", { reason: "given_up", cause: causeNamed("another") }));
  await parkDeath(db, deathOf("c", { reason: "given_up" }));
  // Of these there may be as many as there are records.
  await parkDeath(db, deathOf("e", { queue: "topic-1" }));
  await parkDeath(db, deathOf("f", { queue: "topic-2" }));
  await parkDeath(db, deathOf("d", { namespace: "other" }));
  await sql`update dlo.dead_letters set status = 'expired', expires_at = null, closed_at = now() where workflow_id = 'c'`;
  await sql`update dlo.office set last_position = 7`;
  await sql`insert into dlo.cursors values ('hooks/default/o/parked', 4, now()), ('hooks/default/o/gone', 1, now()), ('hooks/default/o/eu/parked', 1, now())`;
  const check = async () => {
    const found = await numbers();
    expect(sorted(found.open)).toEqual(
      sorted(
        await sql`select case when queue like 'topic-%' then 'other' else queue end as queue, status, category, count(*)::int as n from dlo.dead_letters
          where closed_at is null and namespace = 'default' group by 1, 2, 3`,
      ),
    );
    expect(found.closed).toEqual([{ status: "expired", n: 1 }]);
    expect(sorted(found.deaths)).toEqual(
      sorted([
        { dimension: "queue", value: "payments", n: 2 },
        { dimension: "queue", value: "default", n: 2 },
        { dimension: "queue", value: "other", n: 2 },
        { dimension: "category", value: "network", n: 2 },
        { dimension: "category", value: "data", n: 4 },
        { dimension: "reason", value: "exhausted", n: 4 },
        { dimension: "reason", value: "given_up", n: 2 },
      ]),
    );
    const [first] = await sql`select min(id)::int as id, count(*)::int as n from dlo.events`;
    expect(found.events).toEqual({ unnumbered: first!["n"] as number, oldestId: first!["id"] as number });
    expect(found.followers).toEqual([{ name: "hooks/default/o/parked", behind: 3 }]);
    expect(await openTotals(db, "default")).toEqual({ open: 4, causes: 2 });
  };
  await check();
  await foldCounts(db);
  await check();
});

function sorted(rows: readonly object[]): string[] {
  return rows.map((row) => JSON.stringify(row, Object.keys(row).toSorted())).toSorted();
}
