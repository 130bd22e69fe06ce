import { ApplicationFailure } from "@temporalio/common";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { z } from "zod";
import { defineJob } from "../../model/index.ts";
import { openWorld, until, type World } from "../setup/world.ts";
import { dlo, environmentOf } from "./dlo.ts";

// run-code and apply-policy, as somebody at a terminal has them.

vi.setConfig({ testTimeout: 120_000 });

let world: World;
let fails = true;
const run = async (...args: string[]) => await dlo(args, { env: environmentOf(world) });

const charge = defineJob({
  name: "charge",
  input: z.object({}),
  activity: { retry: { maximumAttempts: 1 } },
}).handle(() => Promise.reject(new Error("declined")), {
  onDead() {
    if (fails) throw ApplicationFailure.nonRetryable("no such payment", "NoPayment");
    return { refund: "re_1" };
  },
});

beforeAll(async () => {
  world = await openWorld();
  await world.worker({ jobs: [charge] });
  const before = await world.office();
  for (const id of ["charge-1", "charge-2"])
    await (await world.dlo.start(charge.job, {}, { id })).result().catch(() => undefined);
  await until(async () => (await world.dlo.letters.list("failed-code:onDead")).letters.length === 2);
  await before.stop();
  await world.office({
    queues: { default: { retention: "7 days", autoRetry: { categories: ["network"], after: "5 minutes" } } },
  });
});
afterAll(async () => await world?.close());

test("what failed is shown, with what to do, and run-code does it", async () => {
  const before = await run("show", "charge-1");
  expect(before.stdout).toMatch(/Own code +onDead failed: see below/);
  expect(before.stdout).toContain("own code failed, onDead (NoPayment: no such payment)");
  expect(before.stdout).toMatch(/dlo run-code [0-9a-f-]+/);
  fails = false;
  const { code, stdout } = await run("run-code", "charge-1", "--reason", "mended");
  expect({ code, stdout }).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(/^The own code of charge charge-1 is run\. What comes of it: dlo show [0-9a-f-]+$/),
  });
  await until(async () => (await world.dlo.letters.get("charge-1")).failedCode === null);
  await until(async () => (await run("show", "charge-1")).stdout.includes('own code ran, onDead ({"refund":"re_1"})'));
  expect(await run("run-code", "charge-1", "--code", "onDeath")).toMatchObject({
    code: 2,
    stderr: expect.stringContaining("Allowed choices are onDead, onExpire"),
  });
});

test("of several, the one that has no failed code is refused, and the others have theirs run", async () => {
  fails = false;
  const { code, stdout, stderr } = await run("run-code", "charge-1", "charge-2");
  expect(code).toBe(1);
  expect(stdout).toContain("The own code of charge charge-2 is run.");
  expect(stderr).toContain("No own code of dead letter");
  expect(stderr).toContain("1 asked, 1 not.");
  await until(async () => (await world.dlo.letters.get("charge-2")).failedCode === null);
});

test("apply-policy says first what would change for how many, and then does it", async () => {
  const { stdout } = await run("apply-policy", "--filter", "queue:default", "--dry-run");
  expect(stdout.replaceAll(/ +$/gm, "")).toMatchInlineSnapshot(`
    "Would apply the policy to 2 dead letters, which takes at least 1 second.

    QUEUE    LETTERS  CHANGE
    default  2        retention: 30 days → 7 days
                      autoRetry: none → network after 5 minutes, each further one × 2, 3 at most, within 1 day"
  `);
  const { code, stderr } = await run("apply-policy", "--filter", "queue:default");
  expect({ code, stderr }).toMatchObject({ code: 2, stderr: expect.stringContaining("--yes") });
  expect((await run("apply-policy", "charge-1")).stdout).toMatch(
    /^charge charge-1 has the policy of queue default; it expires .* UTC \(in 7 days\)\.$/,
  );
  const all = await run("apply-policy", "--filter", "queue:default", "--yes");
  expect(all).toMatchObject({ code: 0 });
  expect(all.stdout).toMatch(/done 1|1 done/);
  expect((await run("apply-policy", "--filter", "queue:default", "--dry-run")).stdout).toContain(
    "All of them have the policy already that their queue has now.",
  );
});
