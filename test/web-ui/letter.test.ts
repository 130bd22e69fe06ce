import { join } from "node:path";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { letterWorkflowId } from "../../model/ids.ts";
import { openPostOffice, type PostOffice } from "../setup/post-office.ts";
import { until } from "../setup/world.ts";
import { openBrowser } from "./browser.ts";

// Everyone observes in Temporal Web UI: what it shows of a job and of its letter, in a real browser.

let office: PostOffice;
let browser: Browser;
let page: Page;

beforeAll(async () => {
  office = await openPostOffice();
  browser = await openBrowser();
  page = await browser.newPage({ viewport: { width: 1400, height: 1250 } });
});
afterAll(async () => {
  await browser?.close();
  await office?.close();
});

const shown = (workflowId: string, runId: string) =>
  `${office.ui}/namespaces/${office.namespace}/workflows/${encodeURIComponent(workflowId)}/${runId}`;

test("a letter's page shows what died, why, when it expires, and the commands that act on it", async () => {
  const letter = await office.dead("order-1017", { to: "Ann" });
  const workflowId = letterWorkflowId("order-1017");
  const { runId } = await office.dlo.temporal.workflow.getHandle(workflowId).describe();
  await page.goto(`${shown(workflowId, runId)}/user-metadata`);
  // Static details, and the current ones that the office answers with, come in frames of their own.
  const frames = async () =>
    (await Promise.all(page.frames().map(async (frame) => await frame.locator("body").innerText()))).join("\n");
  await until(async () => (await frames()).split("its attempts are used up").length === 3);
  const text = await frames();
  for (const words of [
    "deadLetter",
    "Died",
    "once",
    "(needs a person)",
    "Queue",
    "default",
    "retention 30 days",
    `dlo retry ${letter.id}`,
    "temporal workflow signal",
  ])
    expect(text).toContain(words);
  // The picture in the README: DLO_PICTURES=docs npx vitest run test/web-ui
  const pictures = process.env["DLO_PICTURES"];
  if (pictures !== undefined) await page.screenshot({ path: join(pictures, "letter-in-web-ui.png") });
});

test("a job's page has the job's name as its type, and the list finds letters by their search attributes", async () => {
  const letter = await office.dead("order-1018", { to: "Bob" });
  await page.goto(`${shown("order-1018", letter.runId)}/timeline`);
  const type = page.getByText("deliver", { exact: true }).first();
  await type.waitFor();
  expect(await type.isVisible()).toBe(true);
  const query = `DloStatus = "parked" AND DloJob = "deliver" AND WorkflowId = "${letterWorkflowId("order-1018")}"`;
  await page.goto(`${office.ui}/namespaces/${office.namespace}/workflows?query=${encodeURIComponent(query)}`);
  const found = page.getByRole("link", { name: letterWorkflowId("order-1018") }).first();
  await found.waitFor();
  expect(await found.getAttribute("href")).toContain(encodeURIComponent(letterWorkflowId("order-1018")));
});
