import type { Dlo } from "dead-letter-office/client";
import { inLanes } from "./in-lanes.ts";
import { lettersOfImport } from "./letters-of-import.ts";

/** How the retries have ended so far. */
export type Retried = { readonly of: number; recovered: number; diedAgain: number };

/** Retries at a time. */
const retriesInFlight = 25;

/**
 * Retries every letter that is parked for the network's sake, and waits for the outcomes.
 *
 * A record that never reached the catalogue may now turn out to be bad: it dies again, in the same letter.
 */
export async function retryNetworkDeaths(
  dlo: Dlo,
  { signal, begun }: { readonly signal: AbortSignal; readonly begun: (retried: Retried) => void },
): Promise<Retried> {
  const letters = await lettersOfImport(dlo, { status: "parked", category: "network" });
  const retried: Retried = { of: letters.length, recovered: 0, diedAgain: 0 };
  if (letters.length === 0) return retried;
  begun(retried);
  await inLanes(letters, retriesInFlight, signal, async ({ id }) => {
    const { status } = await dlo.letters.retry(id, { reason: "the catalogue is back", waitFor: "2 minutes" });
    if (status === "recovered") retried.recovered += 1;
    else retried.diedAgain += 1;
  });
  return retried;
}
