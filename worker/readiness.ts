import { checkSchema } from "../schema/check-schema.ts";
import { inTime } from "./in-time.ts";
import type { OfficeState } from "./office-state.ts";
import { oneAtATime } from "./one-at-a-time.ts";

/** What has to work for an office to do its work. */
export const officeParts = ["temporal", "postgres", "worker", "clerk"] as const;

export type OfficePart = (typeof officeParts)[number];

export type Readiness = {
  readonly ready: boolean;
  readonly parts: Readonly<Record<OfficePart, PartState>>;
  readonly timestamp: Date;
};

export type PartState = { readonly ready: true } | { readonly ready: false; readonly reason: string };

/** A clerk looks for events some times a second, and after a loss of Postgres each 5 seconds. */
const clerkPatienceMs = 30_000;

/** Whether Temporal and Postgres answer, the worker polls, and the clerk is at its work. */
export function readinessOf(office: OfficeState): () => Promise<Readiness> {
  const askTemporal = oneAtATime(async () => await office.client.workflowService.getSystemInfo({}));
  const askPostgres = oneAtATime(async () => await checkSchema(office.db));
  return async () => {
    const [temporal, postgres] = await Promise.all([part("Temporal", askTemporal), part("Postgres", askPostgres)]);
    const parts = { temporal, postgres, worker: workerState(office), clerk: clerkState(office) };
    return { ready: officeParts.every((name) => parts[name].ready), parts, timestamp: new Date() };
  };
}

async function part(what: string, ask: () => Promise<unknown>): Promise<PartState> {
  try {
    await inTime(what, ask());
    return { ready: true };
  } catch (error) {
    return { ready: false, reason: error instanceof Error ? error.message : String(error) };
  }
}

function workerState({ worker }: OfficeState): PartState {
  const state = worker.getState();
  return state === "RUNNING" ? { ready: true } : { ready: false, reason: `The worker does not poll: it is ${state}` };
}

function clerkState({ clerk }: OfficeState): PartState {
  const silentMs = Date.now() - clerk.lookedAt().getTime();
  if (silentMs < clerkPatienceMs) return { ready: true };
  return { ready: false, reason: `The clerk has not looked for events for ${Math.round(silentMs / 1000)} seconds` };
}
