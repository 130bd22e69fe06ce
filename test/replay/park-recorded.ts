import { proxyActivities } from "@temporalio/workflow";
import type { LetterActivities, ParkRequest, ParkResult } from "../../model/letter-activities.ts";

const { parkDeadLetter } = proxyActivities<LetterActivities>({
  taskQueue: "dead-letter-office",
  startToCloseTimeout: "30 seconds",
  retry: { maximumAttempts: 3 },
});

/** A worker of an older release, as far as an office can tell: it sends what that release recorded. */
export async function parkRecorded(request: ParkRequest): Promise<ParkResult> {
  return await parkDeadLetter(request);
}
