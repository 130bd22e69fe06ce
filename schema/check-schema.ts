import { sql } from "drizzle-orm";
import { schemaMissing, schemaTooNew, schemaTooOld } from "../model/office-error.ts";
import type { Db } from "./database.ts";
import { codeVersion } from "./schema-version.ts";
import { office } from "./tables.ts";
import { targetOf, translatingErrors } from "./translate-error.ts";

export type SchemaState = {
  /** How many migrations the database has. */
  readonly schemaVersion: number;
  /** Which database this is; an office remembers it. */
  readonly databaseId: string;
};

/**
 * Makes sure that this code may use the database.
 *
 * @throws {OfficeError} `SCHEMA_MISSING`, `SCHEMA_TOO_OLD`: run `dlo setup`. `SCHEMA_TOO_NEW`: this code is below the schema's minimum
 */
export async function checkSchema(db: Db): Promise<SchemaState> {
  return await translatingErrors(db, async () => {
    const found = await readOffice(db);
    if (found === undefined) throw schemaMissing(targetOf(db));
    const { schemaVersion, databaseId, minimumCodeVersion } = found;
    if (codeVersion < minimumCodeVersion)
      throw schemaTooNew(schemaVersion, `built for migration ${minimumCodeVersion}`);
    if (schemaVersion < codeVersion) throw schemaTooOld(schemaVersion, codeVersion);
    return { schemaVersion, databaseId };
  });
}

/** The row that says which database this is; undefined where the schema isn't there. */
async function readOffice(db: Db): Promise<Omit<typeof office.$inferSelect, "singleton" | "lastPosition"> | undefined> {
  const [table] = await db.execute<{ present: boolean }>(sql`select to_regclass('dlo.office') is not null as present`);
  if (!table?.present) return undefined;
  const { schemaVersion, databaseId, minimumCodeVersion } = office;
  const [row] = await db.select({ schemaVersion, databaseId, minimumCodeVersion }).from(office);
  return row;
}
