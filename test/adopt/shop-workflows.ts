import {
  ApplicationFailure,
  condition,
  continueAsNew,
  defineSignal,
  executeChild,
  proxyActivities,
  setHandler,
  sleep,
  workflowInfo,
} from "@temporalio/workflow";

// Workflows of somebody else's shop: nothing in this file knows of dead letters.

export type Order = { readonly id: string; readonly amount: number };

const steps = proxyActivities<{
  reserve(id: string): Promise<string>;
  charge(order: Order): Promise<string>;
  ship(id: string): Promise<string>;
}>({
  startToCloseTimeout: "10 seconds",
  retry: { initialInterval: "10 milliseconds", maximumAttempts: 3 },
});

/** Three steps, of which any may fail. */
export async function order(given: Order): Promise<string> {
  const reserved = await steps.reserve(given.id);
  const charged = await steps.charge(given);
  const shipped = await steps.ship(given.id);
  return [reserved, charged, shipped].join(", ");
}

/** Says why in its own words, without the activity's error behind them. */
export async function wordyOrder(given: Order): Promise<string> {
  await steps.reserve(given.id);
  try {
    return await steps.charge(given);
  } catch {
    throw ApplicationFailure.nonRetryable(`order ${given.id} cannot be charged`, "OrderRefused", { order: given.id });
  }
}

export async function refuseOrder(given: Order): Promise<never> {
  throw ApplicationFailure.nonRetryable(`order ${given.id} is not for us`, "NotForUs");
}

export async function wait(given: { readonly until: string }): Promise<string> {
  await sleep("1 day");
  return given.until;
}

/** Several arguments, and bytes among them. */
export async function label(to: string, picture: Uint8Array, copies: number): Promise<string> {
  const hex = Array.from(picture, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return await steps.ship(`${to} ${hex} x${copies}`);
}

/** Goes on as new so many times, and fails at the end. */
export async function countDown(left: number): Promise<never> {
  if (left > 0) return await continueAsNew<typeof countDown>(left - 1);
  throw ApplicationFailure.nonRetryable("lift-off failed", "NoLiftOff");
}

/** Hands on to itself so many times, and waits for a word at the end. */
export async function relay(id: string, left: number): Promise<void> {
  let arrived = false;
  setHandler(defineSignal("arrive"), () => void (arrived = true));
  await steps.charge({ id, amount: left });
  if (left > 0) await continueAsNew<typeof relay>(id, left - 1);
  await condition(() => arrived);
}

/** Fails until its own policy has retried it so often. */
export async function stubborn(succeedAt: number): Promise<number> {
  const { attempt } = workflowInfo();
  if (attempt < succeedAt) throw ApplicationFailure.retryable(`attempt ${attempt} is too early`, "TooEarly");
  return attempt;
}

export async function bigOrder(given: Order): Promise<string> {
  await steps.reserve(given.id);
  return await executeChild(order, { args: [given], workflowId: `${given.id}/part` });
}

export async function sulk(): Promise<never> {
  throw ApplicationFailure.nonRetryable("not today", "Sulks");
}
