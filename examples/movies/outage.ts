import { setTimeout as sleep } from "node:timers/promises";
import type { Dlo } from "dead-letter-office/client";
import type { Catalogue } from "./catalogue.ts";
import { importMovie } from "./import-movie.ts";

/** Longer than a job's four attempts take, so that what runs into the beginning of it dies. */
const shortestMs = 2_500;
const longestMs = 30_000;
const enoughDeaths = 5;

/**
 * Takes the catalogue down: its port is closed and every connection reset, so jobs get the network's own errors.
 *
 * It comes back by itself after some seconds, once some jobs have died of it; `over` then gives its length in milliseconds.
 */
export async function startOutage(
  catalogue: Catalogue,
  dlo: Dlo,
  signal: AbortSignal,
): Promise<{ readonly over: Promise<number> }> {
  const downAt = new Date();
  await catalogue.goDown();
  return { over: comeBack() };

  async function comeBack(): Promise<number> {
    const downMs = () => Date.now() - downAt.getTime();
    do await sleep(250, undefined, { signal });
    while (downMs() < shortestMs || (downMs() < longestMs && (await deathsSince(dlo, downAt)) < enoughDeaths));
    await catalogue.comeBack();
    return downMs();
  }
}

async function deathsSince(dlo: Dlo, at: Date): Promise<number> {
  const { letters } = await dlo.letters.list({ job: importMovie.name, category: "network" }, { limit: enoughDeaths });
  return letters.filter(({ failedAt }) => failedAt >= at).length;
}
