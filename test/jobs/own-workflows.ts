import { proxyActivities } from "@temporalio/workflow";

/** A user's own workflow, in the bundle beside the jobs. */
export async function greet(name: string): Promise<string> {
  const { shout } = proxyActivities<{ shout(text: string): Promise<string> }>({ startToCloseTimeout: "10 seconds" });
  return await shout(`hello ${name}`);
}
