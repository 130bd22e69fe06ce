import postgres from "postgres";
import type { TransactionSql } from "postgres";
import { connectionOptions } from "../schema/database.ts";
import { describeTarget, sqlStateOf, translateError } from "../schema/translate-error.ts";

/** May read all but encoded bytes: dashboards, analysts, `dlo list`. Nobody logs in as it; give it to those who shall. */
const readerRole = "dlo_reader";

/** May besides do what the client does in the database: notes on closed letters, commands to causes, imports; ask for commands by SQL; and read the inputs that retries run. */
const operatorRole = "dlo_operator";

export type RolesOutcome = {
  /** Those that were made now. */
  readonly made: readonly string[];
  /** What could not be done from here, for somebody who may. Absent where all is done. */
  readonly sql?: string;
};

/**
 * Makes the two roles where they are missing, and gives them their rights on all that the schema has by now. Never fails for
 * a lack of rights: what is then left to do is returned as SQL.
 *
 * @throws {OfficeError} `DATABASE_UNREACHABLE`, `DATABASE_ERROR`
 */
export async function makeRoles(url: string): Promise<RolesOutcome> {
  const sql = postgres(url, { ...connectionOptions, max: 1 });
  try {
    return await sql.begin(async (tx) => {
      // Grants of two set-ups at once would fail with "tuple concurrently updated".
      await tx`select pg_advisory_xact_lock(hashtextextended('dead-letter-office/roles', 0))`;
      const made: string[] = [];
      const left: string[] = [];
      for (const role of [readerRole, operatorRole]) {
        if (await hasRole(tx, role)) continue;
        const statement = `create role ${role} nologin;`;
        if (await mayRun(tx, statement)) made.push(role);
        else if (!(await hasRole(tx, role))) left.push(statement);
      }
      const complete = left.length === 0;
      const member = `grant ${readerRole} to ${operatorRole};`;
      if (!complete || (!(await isMember(tx)) && !(await mayRun(tx, member)) && !(await isMember(tx))))
        left.push(member);
      const rights = await rightsOf(tx);
      if (!complete || !(await mayRun(tx, rights.join("\n")))) left.push(...rights);
      return { made, ...(left.length === 0 ? {} : { sql: left.join("\n") }) };
    });
  } catch (error) {
    throw translateError(error, describeTarget(url));
  } finally {
    await sql.end({ timeout: 5 });
  }
}

async function hasRole(sql: TransactionSql, role: string): Promise<boolean> {
  return (await sql`select from pg_roles where rolname = ${role}`).length > 0;
}

async function isMember(sql: TransactionSql): Promise<boolean> {
  const members = await sql`
    select from pg_auth_members
    where roleid = (select oid from pg_roles where rolname = ${readerRole})
      and member = (select oid from pg_roles where rolname = ${operatorRole})`;
  return members.length > 0;
}

/** Runs it, unless we may not, or a set-up of another database in the same cluster was quicker. */
async function mayRun(sql: TransactionSql, statement: string): Promise<boolean> {
  try {
    await sql.savepoint(async (tx) => await tx.unsafe(statement));
    return true;
  } catch (error) {
    if (refusals.includes(sqlStateOf(error) ?? "")) return false;
    throw error;
  }
}

/** No right; such a role, or such a row of a catalogue, is there already; "tuple concurrently updated". */
const refusals = ["42501", "42710", "23505", "XX000"];

/** By columns throughout: what a later migration adds is not seen before a set-up has looked at it. */
async function rightsOf(sql: TransactionSql): Promise<string[]> {
  const readable = await sql<{ name: string; columns: string }[]>`
    select quote_ident(relname) as name, string_agg(quote_ident(attname), ', ' order by attnum) as columns
    from pg_class join pg_attribute on attrelid = pg_class.oid
    where relnamespace = 'dlo'::regnamespace and relkind in ('r', 'v') and relname <> '__drizzle_migrations'
      and attnum > 0 and not attisdropped and attname not like '%\\_data' and attname <> 'sealed'
    group by relname order by relname`;
  return [
    `grant usage on schema dlo to ${readerRole};`,
    ...readable.map(({ name, columns }) => `grant select (${columns}) on dlo.${name} to ${readerRole};`),
    ...operatorRights,
  ];
}

const operatorRights = [
  // To edit an input, and to show what an amended one was before.
  `grant select (payload_data, original_payload_data) on dlo.dead_letters to ${operatorRole};`,
  // A note on a closed letter locks its row.
  `grant update (revision) on dlo.dead_letters to ${operatorRole};`,
  `grant insert on dlo.events to ${operatorRole};`,
  // Commands to causes. Regrouping moves letters and deaths to others, which the triggers count.
  `grant insert, update on dlo.causes to ${operatorRole};`,
  `grant update (cause_id) on dlo.dead_letters to ${operatorRole};`,
  `grant update (cause_id) on dlo.deaths to ${operatorRole};`,
  `grant insert on dlo.letter_deltas, dlo.death_deltas, dlo.attempt_deltas to ${operatorRole};`,
  // An import writes letters as they were elsewhere.
  `grant insert on dlo.dead_letters, dlo.deaths, dlo.attempts to ${operatorRole};`,
  // A place in the stream of events that is kept by name.
  `grant insert, update on dlo.cursors to ${operatorRole};`,
  // What it asks for by SQL. Who asks, and the answer, are not its to write.
  `grant insert (namespace, command, letter_id, filter, options, reason) on dlo.requests to ${operatorRole};`,
];
