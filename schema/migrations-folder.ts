import { existsSync } from "node:fs";
import { dirname, join } from "node:path";

/** Where the migrations are: in the package's root, whether this file runs from its source or from `dist/`. */
export function migrationsFolder(): string {
  let folder = import.meta.dirname;
  while (!existsSync(join(folder, "package.json"))) {
    const parent = dirname(folder);
    if (parent === folder)
      throw new Error(
        `No package.json above ${import.meta.dirname}: the migrations lie beside it. Do not bundle dead-letter-office`,
      );
    folder = parent;
  }
  return join(folder, "schema", "migrations");
}
