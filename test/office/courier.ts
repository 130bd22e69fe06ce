import { z } from "zod";
import { defineJob } from "../../model/index.ts";

/** A job that several processes know: it finds nobody where it is sent to "nobody". */
export const courier = defineJob({
  name: "courier",
  input: z.object({ to: z.string(), note: z.string().optional() }),
  activity: { retry: { maximumAttempts: 1 } },
  deadLetter: { retention: "30 days" },
});

export const handledCourier = courier.handle(({ to }) => {
  if (to === "nobody") throw new Error("nobody at home");
  return `delivered to ${to}`;
});
