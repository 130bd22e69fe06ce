import { existsSync } from "node:fs";
import { extname, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { type Config, defineConfig } from "../model/config.ts";
import { configInvalid, errorCodeOf } from "../model/office-error.ts";
import { oneLine } from "./cut.ts";

export type LoadedConfig = {
  readonly config: Config;
  /** The file, relative to the folder. */
  readonly from: string;
};

/**
 * Reads the configuration: the file that is named, else `dlo.config.ts` (`.mts`, `.js`, `.mjs`) in the folder; undefined where
 * there is none.
 *
 * @throws {OfficeError} `CONFIG_INVALID` with the file and what is wrong
 */
export async function loadConfig(named?: string, folder = process.cwd()): Promise<LoadedConfig | undefined> {
  const file = named === undefined ? findConfig(folder) : resolve(folder, named);
  if (file === undefined) return undefined;
  const from = relative(folder, file) || file;
  if (!existsSync(file)) throw configInvalid(from, "there is no such file");
  const config = await evaluate(file, from);
  if (typeof config !== "object" || config === null)
    throw configInvalid(from, "its default export is no configuration; say export default defineConfig({ … })");
  return { config: defineConfig(config), from };
}

/**
 * @throws {OfficeError} `CONFIG_INVALID` where there is none
 */
export async function requireConfig(named: string | undefined, needs: string): Promise<LoadedConfig> {
  const loaded = await loadConfig(named);
  if (loaded !== undefined) return loaded;
  throw configInvalid(
    "dlo.config.ts",
    `there is none in ${process.cwd()}, and ${needs}. Write one, or name it: --config <file>`,
  );
}

function findConfig(folder: string): string | undefined {
  return ["ts", "mts", "js", "mjs"]
    .map((extension) => resolve(folder, `dlo.config.${extension}`))
    .find((file) => existsSync(file));
}

async function evaluate(file: string, from: string): Promise<unknown> {
  const { createJiti } = await import("jiti");
  const jiti = createJiti(import.meta.url, { alias: ownEntries(), interopDefault: true });
  try {
    return await jiti.import(file, { default: true });
  } catch (error) {
    if (errorCodeOf(error) === "CONFIG_INVALID") throw error;
    const why = oneLine(error instanceof Error ? error.message : String(error));
    const failure = configInvalid(from, `it cannot be loaded: ${why}`);
    failure.cause = error;
    throw failure;
  }
}

/** Whatever the configuration imports of this package is the copy that runs: two copies would not know each other's jobs. */
function ownEntries(): Record<string, string> {
  const extension = extname(fileURLToPath(import.meta.url));
  const entry = (folder: string) => fileURLToPath(new URL(`../${folder}/index${extension}`, import.meta.url));
  const subpaths = ["client", "worker", "workflows", "schema", "testing"];
  return {
    ...Object.fromEntries(subpaths.map((subpath) => [`dead-letter-office/${subpath}`, entry(subpath)])),
    "dead-letter-office": entry("model"),
  };
}
