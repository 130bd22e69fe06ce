import { z } from "zod";
import { defineJob } from "../../model/job.ts";
import { until, type World } from "../setup/world.ts";

/** A job that does what its input says. */
const payment = defineJob({
  name: "take-payment",
  input: z.object({ order: z.number(), mode: z.enum(["fine", "unreachable", "wrong"]), note: z.string().optional() }),
  activity: { retry: { maximumAttempts: 2, initialInterval: "10 ms" } },
  key: ({ order }) => `order ${order}`,
});

export const takesPayments = payment.handle(({ order, mode }, ctx) => {
  if (mode === "unreachable")
    throw new Error(`order ${order} did not get through`, {
      cause: Object.assign(new Error("connect ECONNREFUSED"), { code: "ECONNREFUSED" }),
    });
  if (mode === "wrong") return ctx.deadLetter(`order ${order} has another price`, { category: "data" });
  return { paid: order };
});

type Mode = "unreachable" | "wrong";

let orders = 0;

/** Lets a payment die, and returns its letter's id. */
export async function deadPayment(
  world: World,
  mode: Mode = "unreachable",
  note?: string,
): Promise<{ id: string; workflowId: string; order: number }> {
  const order = ++orders;
  const run = await world.dlo.start(
    payment,
    { order, mode, ...(note === undefined ? {} : { note }) },
    { headers: { tenant: "acme" } },
  );
  const error = await run.result().then(
    () => new Error("The payment went through"),
    (failure: Error & { details?: { letterId?: string } }) => failure,
  );
  const id = "details" in error ? error.details?.letterId : undefined;
  if (id === undefined) throw error;
  // The row is there before the letter's workflow takes commands.
  await until(async () => (await world.dlo.letters.get(id)).status === "parked");
  return { id, workflowId: run.workflowId, order };
}
