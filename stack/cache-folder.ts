import { homedir } from "node:os";
import { join } from "node:path";

/**
 * Where fetched servers are kept between runs, for all projects of this user. Not made yet.
 *
 * `$DLO_CACHE_DIR`, else `$XDG_CACHE_HOME/dead-letter-office`, else `~/Library/Caches/dead-letter-office` on macOS and
 * `~/.cache/dead-letter-office` elsewhere.
 */
export function cacheFolder(): string {
  const { DLO_CACHE_DIR, XDG_CACHE_HOME } = process.env;
  if (DLO_CACHE_DIR) return DLO_CACHE_DIR;
  if (XDG_CACHE_HOME) return join(XDG_CACHE_HOME, name);
  return process.platform === "darwin" ? join(homedir(), "Library", "Caches", name) : join(homedir(), ".cache", name);
}

const name = "dead-letter-office";
