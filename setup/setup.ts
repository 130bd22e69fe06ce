import { connectClient } from "../connect/temporal-client.ts";
import type { Target } from "../connect/target.ts";
import { defaultOffice } from "../model/ids.ts";
import { databaseUnset } from "../model/office-error.ts";
import { checkNamespace } from "./check-namespace.ts";
import { type IndexesAsked, type IndexesOutcome, readSwitches, switchIndexes } from "./indexes.ts";
import { type Migrated, migrateDatabase } from "./migrate.ts";
import { makeRoles, type RolesOutcome } from "./roles.ts";
import { makeSchedules, type SchedulesOutcome } from "./schedules.ts";
import { registerSearchAttributes, type SearchAttributesOutcome } from "./search-attributes.ts";

export type SetUpOptions = {
  /** Takes a line for each thing that is done. */
  readonly progress?: (line: string) => void;
  /** Indexes to switch on and off. All others stay as they are. */
  readonly indexes?: IndexesAsked;
  /** Whether to make the schedules that prune each night and reconcile each hour, where they are missing. @default true */
  readonly schedules?: boolean;
  /** The office that the schedules are for. @default "dead-letter-office" */
  readonly office?: string;
};

export type SetUpOutcome = Migrated & {
  readonly roles: RolesOutcome;
  readonly searchAttributes: SearchAttributesOutcome;
  /** Absent where they were not asked for. */
  readonly schedules?: SchedulesOutcome;
  readonly indexes: IndexesOutcome;
};

/**
 * Prepares a namespace and a database for an office: migrations, roles, search attributes, schedules, indexes. Safe to run again, and from several
 * places at once.
 *
 * @throws {OfficeError} `DATABASE_UNSET`, `DATABASE_UNREACHABLE`, `SCHEMA_TOO_NEW`, `TEMPORAL_UNREACHABLE`; `CONFIG_INVALID`
 *   for a namespace that does not exist, or a Postgres older than 15
 */
export async function setUp(target: Target, options: SetUpOptions = {}): Promise<SetUpOutcome> {
  if (target.database === undefined) throw databaseUnset();
  const { indexes = {}, progress, schedules = true, office = defaultOffice } = options;
  readSwitches(indexes);
  const client = await connectClient(target.temporal);
  try {
    await checkNamespace(client);
    const migrated = await migrateDatabase(target.database.url, options);
    const roles = await makeRoles(target.database.url);
    const searchAttributes = await registerSearchAttributes(client);
    const scheduled = schedules ? { schedules: await makeSchedules(client, office) } : {};
    // Last, as it may take long.
    return {
      ...migrated,
      roles,
      searchAttributes,
      ...scheduled,
      indexes: await switchIndexes(target.database.url, indexes, progress),
    };
  } finally {
    await client.connection.close();
  }
}
