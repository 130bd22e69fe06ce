import { ServerNotReadyError } from "./retry-until-ready.ts";

/** Starts again, up to five times, when another process took a port between our look and the server's. */
export async function againIfPortWasTaken<Started>(start: () => Promise<Started>): Promise<Started> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await start();
    } catch (error) {
      const taken = error instanceof ServerNotReadyError && /address already in use/i.test(error.output);
      if (!taken || attempt === 5) throw error;
    }
  }
}
