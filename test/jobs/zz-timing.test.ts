import { afterAll, beforeAll, test } from "vitest";
import { z } from "zod";
import { defineJob } from "../../model/index.ts";
import { openWorld, type World } from "../setup/world.ts";
import { dieOf } from "./coroner.ts";
let world: World;
const patient = defineJob({ name: "patient", input: z.object({}), activity: { retry: { maximumAttempts: 20, initialInterval: "1 ms", maximumInterval: "1 second", backoffCoefficient: 1 } } });
beforeAll(async () => { world = await openWorld(); await world.office(); await world.worker({ jobs: [patient.handle((_, { attempt }) => { throw new Error(`failure ${attempt}`); })] }); });
afterAll(async () => await world?.close());
test("timing", async () => {
  const { attempts } = await dieOf(world, patient, {});
  console.log(attempts.map((a, i) => [a.n, a.endedAt!.getTime() - a.startedAt!.getTime(), i === 0 ? 0 : a.startedAt!.getTime() - attempts[i - 1]!.endedAt!.getTime()].join("/")).join(" "));
});
