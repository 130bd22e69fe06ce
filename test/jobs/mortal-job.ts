import { z } from "zod";
import { defineJob } from "../../model/index.ts";

/** A job of which each attempt does what the input says for it; the last word holds for all that follow. */
export const mortal = defineJob({
  name: "mortal",
  taskQueue: "mortal",
  input: z.object({ attempts: z.array(z.enum(["fail", "wait", "kill", "succeed"])) }),
  activity: {
    heartbeatTimeout: "1 second",
    startToCloseTimeout: "1 minute",
    retry: { initialInterval: "1 ms", maximumAttempts: 3 },
  },
});
