import { Context } from "@temporalio/activity";

const beatMs = 5_000;

/** Does work that takes long and cannot say how far it is; meanwhile Temporal hears that this office lives. */
export async function beating<T>(work: () => Promise<T>): Promise<T> {
  const { heartbeat } = Context.current();
  const timer = setInterval(() => heartbeat(), beatMs);
  try {
    return await work();
  } finally {
    clearInterval(timer);
  }
}
