import { afterAll, beforeAll, expect, test, vi } from "vitest";
import type { Reconciled } from "../../client/index.ts";
import { openPostOffice, type PostOffice } from "../setup/post-office.ts";
import { until } from "../setup/world.ts";
import { disagreements } from "./equal-stores.ts";

// While jobs die, recover, die again and are discarded all the time, a reconcile finds nothing to mend.

vi.setConfig({ testTimeout: 180_000, hookTimeout: 180_000 });

let office: PostOffice;
beforeAll(async () => void (office = await openPostOffice()));
afterAll(async () => await office?.close());

test("what is under way is not taken for damage", async () => {
  const reports: Reconciled[] = [];
  let over = false;
  let lives = 0;
  const watching = (async () => {
    while (reports.length < 4 || lives <= 20)
      reports.push(await office.dlo.reconcile({ thorough: reports.length % 2 === 0 }));
    over = true;
  })();
  const lane = async (name: string) => {
    for (let n = 0; !over; n++) {
      const id = `${name}-${n}`;
      const letter = await office.dead(id);
      await office.dlo.letters.retry(letter.id, { by: "ann" });
      await until(async () => (await office.dlo.letters.get(letter.id)).deaths === 2);
      if (n % 3 === 0) await office.dlo.letters.discard(letter.id, { by: "ann" }).catch(() => undefined);
      else {
        office.when(id, () => "delivered");
        await office.dlo.letters.retry(letter.id, { by: "ann" }).catch(() => undefined);
      }
      lives++;
    }
  };
  await Promise.all([watching, ...["a", "b", "c", "d", "e", "f"].map(lane)]);
  expect(lives).toBeGreaterThan(20);
  expect(reports.map(({ found, items }) => ({ found, items }))).toEqual(reports.map(() => ({ found: {}, items: [] })));
  await until(async () => (await disagreements(office)).length === 0);
  expect(await office.dlo.reconcile({ thorough: true })).toMatchObject({ found: {}, mended: 0 });
});
