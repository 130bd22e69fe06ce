import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { captureReasons, recordKeys } from "../../model/captured-record.ts";
import { defineConfig, defineJob } from "../../model/index.ts";
import { openWorld, type World } from "../setup/world.ts";
import { openPage, type Page } from "./open-page.ts";
import { codeWords, folderOfBlocks, readDocument, tableRows } from "./read-docs.ts";

// The commands of docs/capture.md are run, and its lists are those of the code.

const document = "docs/capture.md";
let page: Page;
let world: World;

beforeAll(async () => {
  world = await openWorld();
  page = await openPage(document, world);
  await world.office();
  await world.worker({ jobs: [defineJob({ name: "book-order", input: z.any() }).handle(() => "booked")] });
});
afterAll(async () => {
  await world?.close();
  await page?.close();
});

test("it lists the fields and reasons that a record can have", async () => {
  const rows = tableRows(await readDocument(document), "## A record");
  expect(rows.flatMap(([fields]) => codeWords(fields!)).toSorted()).toEqual(recordKeys.toSorted());
  const reasons = rows.find(([fields]) => fields === "`reason`")![1]!;
  expect(codeWords(reasons).toSorted()).toEqual(captureReasons.toSorted());
});

test("its configuration is one", async () => {
  const { folder, remove } = await folderOfBlocks(document);
  try {
    const { default: config } = (await import(join(folder, "capture.config.ts"))) as { default: object };
    expect(defineConfig(config)).toEqual({ capture: { jobs: ["book-order", "import-*"], maximumBytes: 200_000 } });
  } finally {
    await remove();
  }
});

test("its commands capture a file", async () => {
  const said = await page.shell("capture");
  expect(said).toContain("1 to capture.");
  expect(said).toContain("1 captured.");
  expect(said).toContain("book-order kafka:offset=4711,partition=3,topic=orders is parked");
});
