import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { deliver, openPostOffice, type PostOffice } from "../setup/post-office.ts";
import { until } from "../setup/world.ts";
import { openPage, type Page } from "./open-page.ts";

// The page on reconciles, as a reader would follow it.

vi.setConfig({ testTimeout: 120_000, hookTimeout: 60_000 });

let office: PostOffice;
let page: Page;

beforeAll(async () => {
  office = await openPostOffice();
  page = await openPage("docs/reconcile.md", office);
});
afterAll(async () => {
  await page?.close();
  await office?.close();
});

test("a job that was terminated is found by the dry run, and mended once", async () => {
  office.when("letter-1", () => new Promise(() => undefined));
  await office.dlo.start(deliver, { to: "ann" }, { id: "letter-1" });
  await until(() => office.runs("letter-1") === 1);
  await office.dlo.temporal.workflow.getHandle("letter-1").terminate("by mistake");
  const dry = await page.shell("dry");
  expect(dry).toContain("1 terminated without a letter");
  expect(dry).toContain("Nothing was changed.");
  const [row] = await office.sql`select count(*)::int as letters from dlo.dead_letters`;
  expect(row).toEqual({ letters: 0 });
  const said = await page.shell("by-hand");
  expect(said).toContain("Mended all of it.");
  expect(said).toContain("Nothing is amiss.");
  expect(await office.dlo.letters.get("letter-1")).toMatchObject({ reason: "lost", status: "parked" });
  const rows = await page.query("reconciles");
  expect(rows.map(({ mended, dry_run }) => [mended, dry_run])).toEqual([
    [0, false],
    [1, false],
    [0, true],
  ]);
  expect(page.notRun()).toEqual([]);
});
