import { z } from "zod";
import { defineJob } from "../../model/index.ts";

export const ship = defineJob({
  name: "ship",
  input: z.object({ to: z.string() }),
  activity: { retry: { maximumAttempts: 2, initialInterval: "10 milliseconds" } },
  taskQueue: "shop",
});
