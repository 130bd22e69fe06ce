import type { Client } from "@temporalio/client";
import type { Worker } from "@temporalio/worker";
import type { HealthLimits } from "../model/health.ts";
import type { Db } from "../schema/database.ts";
import type { Clerk } from "./clerk.ts";
import type { HookOutcome } from "./count-calls.ts";

/** What an office answers questions about itself from. */
export type OfficeState = {
  readonly name: string;
  readonly namespace: string;
  readonly client: Client;
  readonly db: Db;
  readonly worker: Worker;
  readonly clerk: Clerk;
  /** Names of its followers in `dlo.cursors`: `…/` and the type of event. */
  readonly followers: readonly string[];
  /** Those that its configuration names. */
  readonly queues: readonly string[];
  readonly limits: HealthLimits;
  /** How often hooks were called in this process. */
  readonly calls: () => readonly HookOutcome[];
  /** `host:port` of the SDK's own metrics, where it exports them. */
  readonly sdkMetrics?: string;
};
