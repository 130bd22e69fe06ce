import type { Client } from "@temporalio/client";
import { mostLookedAt, waitingDeaths } from "../connect/waiting-deaths.ts";
import { type Check, fine, hint, messageOf, wrong } from "./check.ts";

/** Are there dying jobs that wait for an office to record them? */
export async function checkWaitingDeaths(client: Client): Promise<Check> {
  const what = "deaths being recorded";
  let found;
  try {
    found = await waitingDeaths(client);
  } catch (error) {
    return hint(what, `running jobs cannot be listed: ${messageOf(error)}`, "Ask for the right to list workflows");
  }
  const { waiting, lookedAt } = found;
  const scope = lookedAt < mostLookedAt ? `${lookedAt} running jobs` : `the ${mostLookedAt} newest running jobs`;
  if (lookedAt === 0) return fine(what, "no job is running");
  if (waiting.length === 0) return fine(what, `none of ${scope} waits for the office`);
  const [first] = waiting;
  const why = first?.lastFailure === undefined ? "no office has taken it yet" : first.lastFailure;
  return wrong(
    what,
    `${waiting.length} of ${scope} wait for the office, such as ${first?.workflowId}: ${why}`,
    "Nothing is lost: they wait. Start the office (dlo office), or mend what it says; where it cannot read payloads, give it the codec in dlo.config",
  );
}
