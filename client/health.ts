import { type Health, type HealthLimits, healthLimits, type HealthOptions } from "../model/health.ts";
import { usage } from "../model/office-error.ts";
import type { Db } from "../schema/database.ts";
import { readHealth } from "../schema/health.ts";

export type AskHealth = HealthOptions & {
  /** Whose letters count. */
  readonly namespace?: string;
};

/** @throws {OfficeError} `USAGE` for what cannot be meant */
export async function askHealth(db: Db, { namespace, ...options }: AskHealth = {}): Promise<Health> {
  return await readHealth(db, limitsOf(options), namespace);
}

function limitsOf(options: HealthOptions): HealthLimits {
  try {
    return healthLimits(options);
  } catch (error) {
    throw usage((error as Error).message);
  }
}
