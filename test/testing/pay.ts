import { z } from "zod";
import { defineJob } from "dead-letter-office";

export const pay = defineJob({
  name: "pay",
  input: z.object({ order: z.string(), amount: z.number().default(1) }),
  activity: {
    retry: { maximumAttempts: 2, initialInterval: "10 milliseconds", nonRetryableErrorTypes: ["CardStolen"] },
  },
});
