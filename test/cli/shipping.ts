import { log } from "@temporalio/activity";
import { z } from "zod";
import { defineJob } from "dead-letter-office";

const ship = defineJob({
  name: "ship-order",
  input: z.object({ order: z.number() }),
  activity: { retry: { maximumAttempts: 2, initialInterval: "10 ms" } },
  key: ({ order }) => `order ${order}`,
});

/** A handler that test worker and command both load, from this file: what it does is said by the environment. */
export const ships = ship.handle(async function shipOrder({ order }, ctx) {
  const { signal: _s, heartbeat: _h, progress: _p, deadLetter: _d, ...told } = ctx;
  const weather = process.env["SHIPPING"];
  if (weather !== undefined) console.log(`shipping ${order}`);
  switch (weather) {
    case "mended":
      log.info("casting off");
      ctx.heartbeat({ at: "quay" });
      ctx.progress(1, 2, "loading");
      return { shipped: order, told };
    case "storm":
      throw new TypeError("the mast is broken");
    case "becalmed":
      return await new Promise(() => undefined);
    default:
      throw new RangeError(`there is no order ${order}`);
  }
});
