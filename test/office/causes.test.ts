import { afterEach, beforeEach, expect, test } from "vitest";
import { z } from "zod";
import { defineJob } from "../../model/index.ts";
import type { FingerprintRule } from "../../model/fingerprint-rule.ts";
import { dieOf } from "../jobs/coroner.ts";
import { openWorld, until, type World } from "../setup/world.ts";

let world: World;
beforeEach(async () => void (world = await openWorld()));
afterEach(async () => await world.close());

const importMovie = defineJob({
  name: "import-movie",
  input: z.object({ id: z.number(), host: z.string().optional() }),
  activity: { retry: { maximumAttempts: 1 } },
});
const handler = importMovie.handle(({ id, host }) => {
  if (host !== undefined) throw Object.assign(new Error(`connect ECONNREFUSED ${host}`), { code: "ECONNREFUSED" });
  throw new RangeError(`movie ${id} has no title`);
});

/** A worker of a build, as deployments name it. */
async function build(buildId: string) {
  return await world.worker({
    jobs: [handler],
    worker: {
      workerDeploymentOptions: {
        version: { deploymentName: "movies", buildId },
        useWorkerVersioning: false,
        defaultVersioningBehavior: "AUTO_UPGRADE",
      },
    },
  } as never);
}

test("a cause that was resolved in a build stays so while older workers die of it, and is a regression in the new one", async () => {
  await Promise.all([world.office(), world.office()]);
  const old = await build("v1");
  const { letter } = await dieOf(world, importMovie, { id: 1 });
  const { causeId } = letter;
  expect(await world.dlo.causes.get(causeId)).toMatchObject({
    state: "open",
    open: 1,
    deaths: 1,
    builds: [{ build: "v1", deaths: 1 }],
    sampleLetterId: letter.id,
    title: "RangeError: movie <n> has no title",
  });
  await world.dlo.causes.resolve(causeId, { inBuild: "v2" });

  await dieOf(world, importMovie, { id: 2 });
  await until(async () => await isNumbered());
  expect(await world.dlo.causes.get(causeId)).toMatchObject({ state: "resolved", open: 2 });

  await old.stop();
  await build("v2");
  const again = await dieOf(world, importMovie, { id: 3 });
  await dieOf(world, importMovie, { id: 4 });
  expect(again.letter.causeId).toBe(causeId);
  await until(async () => (await world.dlo.causes.get(causeId)).state === "open");
  await until(async () => await isNumbered());
  const cause = await world.dlo.causes.get(causeId);
  expect(cause).toMatchObject({ returned: "regression", open: 4 });
  const [returned, ...others] = cause.events.filter(({ type }) => type === "cause_returned");
  expect(others).toEqual([]);
  expect(returned).toMatchObject({
    by: "office",
    data: { why: "regression", build: "v2", resolvedInBuild: "v2", letterId: again.letter.id },
  });
});

async function isNumbered(): Promise<boolean> {
  return (await world.sql`select from dlo.events where position is null`).length === 0;
}

test("the office's rules join, split and name causes, of new letters and of retries; regroup brings the old ones along", async () => {
  await build("v1");
  let office = await world.office();
  const before = await dieOf(world, importMovie, { id: 1, host: "db-1.internal:5432" });
  await dieOf(world, importMovie, { id: 2, host: "db-2.internal:5432" });
  const builtIn = before.letter.causeId;
  expect((await world.dlo.causes.list()).causes).toMatchObject([{ id: builtIn, open: 2, rule: null }]);

  const fingerprint: FingerprintRule[] = [
    {
      name: "database down",
      match: { code: "ECONNREFUSED", job: "import-*", message: /ECONNREFUSED (?<host>[^.]+)/ },
      by: ["host"],
      title: "Database {host} is down",
    },
    { name: "movies", match: { job: "import-movie" } },
  ];
  await office.stop();
  office = await world.office({ fingerprint });
  const after = await dieOf(world, importMovie, { id: 3, host: "db-1.internal:5432" });
  const untitled = await dieOf(world, importMovie, { id: 4 });
  expect(await world.dlo.causes.get(after.letter.causeId)).toMatchObject({
    title: "Database db-1 is down",
    rule: "database down",
    open: 1,
  });
  expect(await world.dlo.causes.get(untitled.letter.causeId)).toMatchObject({ title: "movies", rule: "movies" });

  // A changed rule concerns new deaths: the old letter's next one.
  await world.dlo.letters.retry(before.letter.id, { waitFor: "30 seconds" });
  const { deaths } = await world.dlo.letters.story(before.letter.id);
  expect(deaths.map(({ causeId }) => causeId)).toEqual([builtIn, after.letter.causeId]);

  const plan = await world.dlo.causes.regroup("", { rules: fingerprint });
  expect(plan.moves).toMatchObject([
    { from: { id: builtIn }, to: { title: "Database db-2 is down", isNew: true }, letters: 1, deaths: 1 },
    { from: { id: builtIn }, to: { id: after.letter.causeId, isNew: false }, letters: 0, deaths: 1 },
  ]);
  await world.dlo.causes.regroup("", { rules: fingerprint, apply: true });
  const { causes } = await world.dlo.causes.list("", { state: "all" });
  expect(causes.map(({ title, letters }) => `${letters} ${title}`).toSorted()).toEqual([
    "1 Database db-2 is down",
    "1 movies",
    "2 Database db-1 is down",
  ]);
});

test("a rule that cannot be meant keeps the office from opening", async () => {
  await expect(world.office({ fingerprint: [{ name: "x", match: { jobb: "y" } as never }] })).rejects.toMatchObject({
    code: "CONFIG_INVALID",
    message: expect.stringContaining('Did you mean "job"?'),
  });
});
