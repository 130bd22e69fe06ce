import { cp, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { keepDraft, withDraftFolder } from "./draft-folder.ts";
import type { PostgresBinaries } from "./postgres-binary.ts";
import { closedToOthers } from "./postgres-user.ts";
import type { PostgresUser } from "./postgres-user.ts";

/**
 * The folder of `initdb` and `postgres` where that user can run them.
 *
 * A project or cache of root's is often closed to others (`/root`), and no right that root lends helps here, since Postgres
 * looks itself up by its path as an ordinary user does. Then it is copied to where system caches are, once.
 */
export async function reachableBinaries({ bin, version }: PostgresBinaries, user: PostgresUser): Promise<string> {
  if (!user || (await closedToOthers(bin)) === undefined) return bin;
  const copy = join(systemCache, `postgres-${version}-${process.platform}-${process.arch}`);
  if (!(await stat(copy).catch(() => undefined))) {
    await withDraftFolder(systemCache, async (draft) => {
      await cp(dirname(bin), draft, { recursive: true, verbatimSymlinks: true });
      await keepDraft(draft, copy);
    });
  }
  return join(copy, "bin");
}

const systemCache = "/var/cache/dead-letter-office";
