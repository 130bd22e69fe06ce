import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { z } from "zod";
import { defineJob } from "../../model/index.ts";
import { openWorld, until } from "../setup/world.ts";

const script = fileURLToPath(new URL("../../examples/retry-letter.ts", import.meta.url));

const greet = defineJob({
  name: "greet",
  input: z.object({ name: z.string() }),
  activity: { retry: { maximumAttempts: 1 } },
});

test("the example retries one letter with our client, and another with Temporal's own alone", async () => {
  await using world = await openWorld();
  let broken = true;
  await world.office();
  await world.worker({
    jobs: [
      greet.handle(({ name }) => {
        if (broken) throw new Error("nobody is at home");
        return `Hello ${name}`;
      }),
    ],
  });
  for (const id of ["greet-ann", "greet-bob"])
    await expect(world.dlo.run(greet, { name: id }, { id })).rejects.toMatchObject({ code: "JOB_DIED" });
  broken = false;

  const { stdout } = await promisify(execFile)(
    process.execPath,
    ["--import", "tsx", script, "greet-ann", "greet-bob"],
    {
      env: {
        ...process.env,
        TEMPORAL_ADDRESS: world.address,
        TEMPORAL_NAMESPACE: world.namespace,
        DLO_DATABASE_URL: world.databaseUrl,
      },
    },
  );

  expect(stdout).toBe('greet-ann is recovered.\ngreet-bob was sent the signal "retry".\n');
  await until(async () => (await world.dlo.letters.get("greet-bob")).status === "recovered");
  const askers = async (id: string) => {
    const { events } = await world.dlo.letters.story((await world.dlo.letters.get(id)).id);
    return events.filter(({ type }) => type === "retry_asked").map(({ by, reason }) => ({ by, reason }));
  };
  const by = "examples/retry-letter.ts";
  expect(await askers("greet-ann")).toEqual([{ by, reason: "with our client" }]);
  expect(await askers("greet-bob")).toEqual([{ by, reason: "with Temporal's own" }]);
});
