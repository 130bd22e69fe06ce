import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { z } from "zod";
import { redriveEventTypes } from "../../model/event.ts";
import { defineJob } from "../../model/index.ts";
import { isOver, itemCodes, itemStates, redriveStatuses } from "../../model/redrive.ts";
import { openWorld, until, type World } from "../setup/world.ts";
import { openPage, type Page } from "./open-page.ts";
import { codeWords, readDocument, tableRows } from "./read-docs.ts";

// Every command and query of docs/redrive.md is run, and its lists are those of the code.

vi.setConfig({ testTimeout: 120_000 });

const document = "docs/redrive.md";
const charge = defineJob({
  name: "charge-card",
  input: z.object({ cents: z.number() }),
  activity: { retry: { maximumAttempts: 1 } },
});

let page: Page;
let world: World;
let behaviour: (input: { cents: number }) => unknown;

beforeAll(async () => {
  world = await openWorld();
  page = await openPage(document, world);
  await world.office({
    amendments: { wholeCents: (input: { cents: number }) => ({ ...input, cents: Math.abs(Math.round(input.cents)) }) },
  });
  await world.worker({ jobs: [charge.handle((input) => behaviour(input))] });
});

afterAll(async () => {
  await world?.close();
  await page?.close();
});

test("it lists the states, outcomes and reasons that the code knows", async () => {
  const text = await readDocument(document);
  const words = (after: string) =>
    tableRows(`\n${text.slice(text.indexOf(after))}`).map(([word]) => codeWords(word!)[0]);
  expect(words("| state |")).toEqual([...redriveStatuses]);
  expect(words("| outcome |")).toEqual([...itemStates]);
  expect(words("| code |")).toEqual([...itemCodes]);
});

test("started, with a dry run before; and reported, by command and by query", async () => {
  await die(3, unreachable);
  expect(await page.shell("dry-run")).toContain("Would retry 3 dead letters");
  behaviour = () => "charged";
  expect(await page.shell("start")).toContain("completed: 3 letters = 3 recovered.");

  await die(2, unreachable);
  const { id } = await world.dlo.redrives.start({ filter: "job:charge-card" }, { maxInFlight: 1 });
  await until(async () => (await world.dlo.redrives.get(id)).status === "stopped");
  expect(await page.query("died-again")).toMatchObject([{ same: true, letters: "1" }]);
  await world.dlo.redrives.cancel(id);
  await over(id);
  expect(await page.query("why-not")).toMatchObject([{ redrive_id: id, code: "cancelled", letters: "1" }]);
  expect((await page.query("balance")).map(({ state, letters }) => [state, letters])).toEqual(
    expect.arrayContaining([
      ["recovered", "3"],
      ["died_again", "1"],
      ["skipped", "1"],
    ]),
  );
  expect((await page.query("took")).length).toBe(2);
  behaviour = () => "charged";
  const report = await page.shell("report", id);
  expect(report).toMatch(/died_again +the same cause: /);
  expect(report).toContain("completed: 1 letter = 1 recovered.");
  await world.dlo.letters.retry(`charge/${deaths - 1}`, { waitFor: "30 seconds" });
});

test("steered by dlo and by the plain temporal command", async () => {
  await die(3, unreachable);
  behaviour = () => "charged";
  const { id } = await world.dlo.redrives.start({ filter: "job:charge-card" }, { rate: 0.1 });
  const steered = await page.shell("steer", id);
  expect(steered).toContain(" paused: 3 letters = ");
  expect(steered).toMatch(/Rate +2 a second, at most 10 under way/);
  await over(id);

  await die(3, unreachable);
  behaviour = () => "charged";
  const { id: second } = await world.dlo.redrives.start({ filter: "job:charge-card" }, { rate: 0.1 });
  await page.shell("temporal", second);
  await over(second);
  expect(await world.dlo.redrives.get(second)).toMatchObject({ status: "completed", limits: { rate: 2 } });
});

test("inputs are mended, and the other commands act on many", async () => {
  await die(
    2,
    ({ cents }) => {
      if (cents < 0) throw new Error("an amount below nothing");
    },
    -5.5,
  );
  const mended = await page.shell("amend");
  expect(mended).toContain('- {"cents":-5.5}\n    + {"cents":0}');
  expect(mended).toContain('- {"cents":-5.5}\n    + {"cents":5}');
  const others = await page.shell("others");
  // Notes are for closed letters, too.
  expect(others.match(/completed: (\d+) letters = \1 done\./g)).toHaveLength(3);
  expect(others).toContain("Would expire 0 dead letters.");
  expect((await world.dlo.letters.get(`charge/${deaths - 1}`)).payload).toEqual({ cents: 0 });
});

test("a redrive's events have the data that the page of events lists", async () => {
  const { redrives } = world.dlo;
  await die(3, unreachable);
  const { id } = await redrives.start({ filter: "job:charge-card category:network" }, { maxInFlight: 1 });
  await until(async () => (await redrives.get(id)).status === "stopped");
  await redrives.set(id, { rate: 0.1, maxInFlight: 1, jitter: "1 ms", stopOnFailure: false, stopOnSameCause: false });
  await redrives.resume(id);
  await redrives.pause(id);
  await redrives.cancel(id);
  await over(id);
  const told = new Map(
    tableRows(await readDocument("docs/events.md")).map(([type, , , data]) => [
      codeWords(type!)[0],
      codeWords(data!).toSorted(),
    ]),
  );
  const rows = await world.sql<{ type: string; keys: string[] }[]>`
    select type, coalesce(array_agg(distinct key order by key) filter (where key is not null), '{}') as keys
    from dlo.events left join lateral jsonb_object_keys(data) as key on true where redrive_id is not null group by type order by type`;
  for (const { type, keys } of rows) expect({ type, keys: keys.toSorted() }).toEqual({ type, keys: told.get(type) });
  expect(rows.map(({ type }) => type)).toEqual([...redriveEventTypes].toSorted());
});

test("every marked block was run", () => {
  expect(page.notRun()).toEqual([]);
});

let deaths = 0;

/** So many jobs die; nothing else is open then. */
async function die(n: number, of: typeof behaviour, cents = 100): Promise<void> {
  behaviour = of;
  for (let i = 0; i < n; i++) {
    const run = await world.dlo.start(charge, { cents }, { id: `charge/${deaths++}` });
    await expect(run.result()).rejects.toMatchObject({ code: "JOB_DIED" });
  }
}

function unreachable(): never {
  throw Object.assign(new Error("the gateway is down"), { code: "ECONNREFUSED" });
}

async function over(id: string): Promise<void> {
  await until(async () => isOver(await world.dlo.redrives.get(id)));
}
