import fc from "fast-check";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { letterWorkflowId } from "../../model/ids.ts";
import { openPostOffice, type PostOffice } from "../setup/post-office.ts";
import { until } from "../setup/world.ts";
import { disagreements } from "./equal-stores.ts";

// Whatever is done to either store, in whatever order, a reconcile ends with two that agree, and the next one finds nothing.

vi.setConfig({ testTimeout: 240_000, hookTimeout: 180_000 });

let office: PostOffice;
beforeAll(async () => void (office = await openPostOffice()));
afterAll(async () => await office?.close());

const letterOf = (id: string) => office.dlo.temporal.workflow.getHandle(letterWorkflowId(id));
const change = async (id: string, values: Record<string, unknown>) =>
  void (await office.sql`update dlo.dead_letters set ${office.sql(values)} where workflow_id = ${id}`);

/** What can be done to a job id; each of it only as far as there is something to do it to. */
const blows = {
  "die again": async (id: string) => {
    const letter = await office.dlo.letters.get(id);
    await office.dlo.letters.retry(letter.id, { by: "ann" });
    await until(async () => (await office.dlo.letters.get(letter.id)).deaths > letter.deaths);
  },
  discard: async (id: string) => void (await office.dlo.letters.discard(id, { by: "ann" })),
  extend: async (id: string) => void (await office.dlo.letters.extend(id, { retention: "indefinite", by: "ann" })),
  "put off": async (id: string) => void (await office.dlo.letters.retry(id, { after: "2 days", by: "ann" })),
  move: async (id: string) => void (await office.dlo.letters.move(id, { queue: "elsewhere", by: "ann" })),
  "end its workflow": async (id: string) => void (await letterOf(id).terminate("a blow")),
  "drop its row": async (id: string) => void (await office.sql`delete from dlo.dead_letters where workflow_id = ${id}`),
  "count its row back": async (id: string) => await change(id, { revision: 0, retries: 0 }),
  "count its row forth": async (id: string) => await change(id, { revision: 900 }),
  "close its row": async (id: string) =>
    await change(id, { status: "expired", expires_at: null, retry_at: null, closed_at: new Date() }),
  "say that it is retried": async (id: string) =>
    void (await office.sql`
      update dlo.dead_letters set status = 'retrying', expires_at = null, retry_at = null where workflow_id = ${id} and closed_at is null`),
  "move its clock": async (id: string) =>
    void (await office.sql`
      update dlo.dead_letters set expires_at = now() - interval '1 day' where workflow_id = ${id} and expires_at is not null`),
  "let its job succeed": async (id: string) => {
    office.when(id, () => "delivered");
    await office.dlo.temporal.workflow.start("deliver", {
      ...{
        workflowId: id,
        taskQueue: "jobs",
        args: [{ to: "ann" }],
        workflowIdReusePolicy: "ALLOW_DUPLICATE_FAILED_ONLY",
      },
    });
    await until(async () => (await office.dlo.temporal.workflow.getHandle(id).describe()).status.name === "COMPLETED");
  },
} as const;

/** Some blows cannot be carried out after others: a command that meets a missing row waits for a reconcile. */
const patienceMs = 3_000;

async function strike(id: string, name: keyof typeof blows): Promise<void> {
  const enough = new Promise((resolve) => setTimeout(resolve, patienceMs));
  await Promise.race([blows[name](id).catch(() => undefined), enough]);
}

const blow = fc.constantFrom(...(Object.keys(blows) as (keyof typeof blows)[]));
let round = 0;

test("whatever was done to the stores, they agree in the end", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.array(blow, { minLength: 1, maxLength: 4 }), { minLength: 12, maxLength: 16 }),
      async (plan) => {
        round++;
        await Promise.all(
          plan.map(async (done, n) => {
            const id = `r${round}-${n}`;
            await office.dead(id);
            for (const name of done) await strike(id, name);
          }),
        );
        const looks: unknown[] = [];
        for (let look = 0; look < 4; look++) {
          const { found } = await office.dlo.reconcile({ thorough: true });
          looks.push(found);
          if (Object.keys(found).length === 0) break;
        }
        expect(looks.at(-1)).toEqual({});
        await until(async () => (await disagreements(office)).length === 0).catch(() => undefined);
        expect(await disagreements(office)).toEqual([]);
      },
    ),
    { numRuns: 3, endOnFailure: true },
  );
});
