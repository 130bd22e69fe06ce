import { proxyActivities } from "@temporalio/workflow";

const { greet } = proxyActivities<{ greet(name: string): Promise<string> }>({ startToCloseTimeout: "10 seconds" });

/** A workflow of a user's own, found by its folder as users of the SDK may name it. */
export async function welcome(name: string): Promise<string> {
  return await greet(name);
}
