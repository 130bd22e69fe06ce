import { connectClient } from "../connect/temporal-client.ts";
import type { Target } from "../connect/target.ts";
import { databaseUnset } from "../model/office-error.ts";
import { checkNamespace } from "./check-namespace.ts";
import { type Migrated, migrateDatabase } from "./migrate.ts";
import { registerSearchAttributes, type SearchAttributesOutcome } from "./search-attributes.ts";

export type SetUpOptions = {
  /** Takes a line for each thing that is done. */
  readonly progress?: (line: string) => void;
};

export type SetUpOutcome = Migrated & { readonly searchAttributes: SearchAttributesOutcome };

/**
 * Prepares a namespace and a database for an office: migrations, then search attributes. Safe to run again, and from several
 * places at once.
 *
 * @throws {OfficeError} `DATABASE_UNSET`, `DATABASE_UNREACHABLE`, `SCHEMA_TOO_NEW`, `TEMPORAL_UNREACHABLE`; `CONFIG_INVALID`
 *   for a namespace that does not exist, or a Postgres older than 15
 */
export async function setUp(target: Target, options: SetUpOptions = {}): Promise<SetUpOutcome> {
  if (target.database === undefined) throw databaseUnset();
  const client = await connectClient(target.temporal);
  try {
    await checkNamespace(client);
    const migrated = await migrateDatabase(target.database.url, options);
    return { ...migrated, searchAttributes: await registerSearchAttributes(client) };
  } finally {
    await client.connection.close();
  }
}
