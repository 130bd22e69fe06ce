import { setTimeout as sleep } from "node:timers/promises";
import type { Dlo } from "dead-letter-office/client";
import type { Catalogue } from "./catalogue.ts";
import { importMovie } from "./import-movie.ts";

/** Long enough for four attempts, so that what runs into the beginning of the outage dies of it. */
const shortestMs = 2_500;
const longestMs = 30_000;
const enoughDeaths = 5;

/** Waits while the catalogue is down: for some seconds, and until some jobs have died of it. Gives its length. */
export async function duringOutage(dlo: Dlo, signal: AbortSignal): Promise<number> {
  const downAt = new Date();
  const downMs = () => Date.now() - downAt.getTime();
  do await sleep(250, undefined, { signal });
  while (downMs() < shortestMs || (downMs() < longestMs && (await deathsSince(dlo, downAt)) < enoughDeaths));
  return downMs();
}

/** The catalogue closes its port and resets every connection: what is under way gets the network's own errors. */
export async function takeDown(catalogue: Catalogue): Promise<void> {
  await catalogue.goDown();
}

async function deathsSince(dlo: Dlo, at: Date): Promise<number> {
  const { letters } = await dlo.letters.list({ job: importMovie.name, category: "network" }, { limit: enoughDeaths });
  return letters.filter(({ failedAt }) => failedAt >= at).length;
}
