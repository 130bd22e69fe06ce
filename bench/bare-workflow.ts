import { proxyActivities } from "@temporalio/workflow";

const { work } = proxyActivities<{ work(input: { n: number }): Promise<number> }>({
  startToCloseTimeout: "5 minutes",
  retry: { maximumAttempts: 1 },
});

/** What a job is compared with: a hand-written workflow around one activity. */
export async function bare(input: { n: number }): Promise<number> {
  return await work(input);
}
