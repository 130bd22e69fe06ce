import { type Target, shownDatabase } from "../connect/target.ts";
import { errorCodeOf } from "../model/office-error.ts";
import { checkSchema } from "../schema/check-schema.ts";
import { openDatabase } from "../schema/database.ts";
import { switchedIndexes } from "../schema/index-switches.ts";
import { describeTarget, translateError } from "../schema/translate-error.ts";
import { type Check, fine, hint, messageOf, wrong } from "./check.ts";
import { switchedOn } from "./indexes.ts";
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
      const schema = fine("schema", `at migration ${schemaVersion}`);
      return { checks: [server, schema, await checkIndexes(opened)], databaseId };
    } catch (error) {
      const mend = errorCodeOf(error) === "SCHEMA_TOO_NEW" ? "Upgrade dead-letter-office here" : "dlo setup";
      return { checks: [server, wrong("schema", messageOf(error), mend)] };
    }
  } finally {
    await opened.close();
  }
}

/** Which of the indexes that cost extra are on. */
async function checkIndexes(database: ReturnType<typeof openDatabase>): Promise<Check> {
  const broken = (await switchedIndexes(database.db)).filter(({ valid }) => !valid);
  if (broken.length > 0) {
    const names = [...new Set(broken.map((index) => index.of))];
    return hint(
      "indexes",
      `${names.join(", ")}: not built to the end, so of no use yet, but written to`,
      `Where no dlo setup is at it: dlo setup ${names.map((name) => `--index '${name}'`).join(" ")}`,
    );
  }
  const on = await switchedOn(database);
  return fine("indexes", on.length === 0 ? "none is switched on (dlo setup --index)" : `on: ${on.join(", ")}`);
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
