import { readFile, realpath, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { findOnPath } from "./find-on-path.ts";

/**
 * Whom Postgres runs as: undefined for ourselves, unless we are root, as which it refuses to run.
 *
 * Then it is the owner of the data folder, else the system's `postgres`, else `nobody`. No user is added to the system.
 */
export type PostgresUser = { readonly uid: number; readonly gid: number; readonly setpriv?: string } | undefined;

/**
 * Decides whom Postgres runs as on this data folder, which need not exist yet, inside this folder, which must.
 *
 * @throws {Error} if the data folder belongs to somebody we cannot become, or that user could not get into the folder
 */
export async function postgresUser(folder: string, data: string): Promise<PostgresUser> {
  const self = process.getuid?.();
  if (self === undefined) return undefined;
  const owner = await stat(data).catch(() => undefined);
  if (self !== 0) {
    if (owner && owner.uid !== self) throw ownedByOther(data, owner.uid, self);
    return undefined;
  }
  const ids = owner && owner.uid !== 0 ? { uid: owner.uid, gid: owner.gid } : await systemUser();
  const closed = await closedToOthers(folder);
  if (closed === undefined) return ids;
  const setpriv = findOnPath("setpriv");
  if (setpriv === undefined) throw unreachable(folder, closed);
  return { ...ids, setpriv };
}

/** The command as that user runs it. */
export function asPostgresUser(
  user: PostgresUser,
  command: string,
  args: readonly string[],
): { command: string; args: readonly string[]; uid?: number; gid?: number } {
  if (!user) return { command, args };
  const { uid, gid, setpriv } = user;
  if (setpriv === undefined) return { command, args, uid, gid };
  // A project under /root: its folders are closed to the user, so let it keep root's right to pass through them.
  const rights = ["--inh-caps", "+dac_override", "--ambient-caps", "+dac_override"];
  const become = ["--reuid", String(uid), "--regid", String(gid), "--clear-groups", ...rights];
  return { command: setpriv, args: [...become, command, ...args] };
}

/** The topmost folder on the way to this one that other users may not enter, if there is one. */
export async function closedToOthers(folder: string): Promise<string | undefined> {
  const path = await realpath(folder);
  const above = dirname(path) === path ? undefined : await closedToOthers(dirname(path));
  if (above !== undefined) return above;
  return (await stat(path)).mode & 0o001 ? undefined : path;
}

async function systemUser(): Promise<{ uid: number; gid: number }> {
  const users = (await readFile("/etc/passwd", "utf8")).split("\n").map((line) => line.split(":"));
  for (const name of ["postgres", "_postgres", "nobody"]) {
    const [, , uid, gid] = users.find((user) => user[0] === name) ?? [];
    if (uid && gid) return { uid: Number(uid), gid: Number(gid) };
  }
  throw new Error(
    "Postgres does not run as root, and there is no user `postgres` or `nobody` to run it as. Add one: useradd --system postgres",
  );
}

function ownedByOther(data: string, owner: number, self: number): Error {
  return new Error(
    `${data} belongs to user id ${owner}, and you are ${self}: it was made by root or somebody else. ` +
      `Make it yours (sudo chown -R ${self} '${data}') or run this as the one who made it.`,
  );
}

function unreachable(folder: string, closed: string): Error {
  return new Error(
    `Postgres does not run as root, and no other user may enter ${closed}, where ${folder} is. ` +
      "Run this as an ordinary user, move the project, or install `setpriv` (util-linux).",
  );
}
