import type { Client } from "@temporalio/client";
import type { Codec, QueueOptions } from "../model/config.ts";
import type { FingerprintRule } from "../model/fingerprint-rule.ts";
import type { Probes } from "../model/probes.ts";
import type { KeepingDefaults } from "../model/resolve-contract.ts";
import type { SearchAttribute } from "../model/search-attributes.ts";
import type { Db } from "../schema/database.ts";

/** What the office's activities need. */
export type OfficeNeeds = {
  readonly db: Db;
  readonly client: Client;
  readonly codecs: readonly Codec[];
  readonly queues: Readonly<Record<string, QueueOptions>>;
  readonly defaults: KeepingDefaults;
  readonly redact: readonly string[];
  readonly probes: Probes;
  readonly fingerprint: readonly FingerprintRule[];
  /** Those that the namespace has registered. */
  readonly searchAttributes: readonly SearchAttribute[];
  /** The office's task queue. */
  readonly taskQueue: string;
};
