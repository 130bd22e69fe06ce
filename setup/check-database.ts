import { type Target, shownDatabase } from "../connect/target.ts";
import { errorCodeOf } from "../model/office-error.ts";
import { checkSchema } from "../schema/check-schema.ts";
import { openDatabase } from "../schema/database.ts";
import { describeTarget, translateError } from "../schema/translate-error.ts";
import { type Check, fine, messageOf, wrong } from "./check.ts";
import { refuseOldPostgres } from "./migrate.ts";

export type CheckedDatabase = {
  readonly checks: readonly Check[];
  /** Which database it is, where it could be asked. */
  readonly databaseId?: string;
};

/** Is it there, new enough, and at this code's migration? */
export async function checkDatabase(database: Target["database"]): Promise<CheckedDatabase> {
  if (database === undefined)
    return {
      checks: [
        wrong(
          "database",
          "no database is given",
          "Set DLO_DATABASE_URL, pass --database-url, or start a local stack: dlo dev",
        ),
      ],
    };
  const opened = openDatabase(database.url, { connections: 1 });
  try {
    const server = await checkServer(database.url, opened);
    if (!server.ok) return { checks: [server] };
    try {
      const { schemaVersion, databaseId } = await checkSchema(opened.db);
      return { checks: [server, fine("schema", `at migration ${schemaVersion}`)], databaseId };
    } catch (error) {
      const mend = errorCodeOf(error) === "SCHEMA_TOO_NEW" ? "Upgrade dead-letter-office here" : "dlo setup";
      return { checks: [server, wrong("schema", messageOf(error), mend)] };
    }
  } finally {
    await opened.close();
  }
}

async function checkServer(url: string, { sql }: ReturnType<typeof openDatabase>): Promise<Check> {
  const where = shownDatabase(url);
  try {
    const [server] = await sql<[{ number: string; version: string }]>`
      select current_setting('server_version_num') as number, current_setting('server_version') as version`;
    refuseOldPostgres(Number(server.number), describeTarget(url));
    return fine("database", `Postgres ${server.version} at ${where}`);
  } catch (error) {
    const translated = translateError(error, describeTarget(url));
    const old = errorCodeOf(translated) === "CONFIG_INVALID";
    return wrong(
      "database",
      messageOf(translated),
      old ? "Upgrade Postgres to 15 or newer" : "Start Postgres, or correct DLO_DATABASE_URL",
    );
  }
}
