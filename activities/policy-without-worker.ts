import { type DeadLetterPolicy, defaultDeadLetterPolicy } from "../model/contract.ts";
import { policyOfLastLetter } from "../schema/policy-of-last-letter.ts";
import type { OfficeNeeds } from "./office-needs.ts";

/** A job's policy where no worker says it: as it was when the job died last, or by default. */
export async function policyWithoutWorker(
  { db, client, taskQueue }: Pick<OfficeNeeds, "db" | "client" | "taskQueue">,
  job: string,
): Promise<DeadLetterPolicy> {
  const last = await policyOfLastLetter(db, client.options.namespace, job);
  return { ...defaultDeadLetterPolicy, ...last, office: taskQueue };
}
