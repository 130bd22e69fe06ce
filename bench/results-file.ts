import { readFileSync, writeFileSync } from "node:fs";
import { cpus, totalmem } from "node:os";
import { fileURLToPath } from "node:url";

const file = fileURLToPath(new URL("./RESULTS.md", import.meta.url));

/** Writes what was found between the marks `<!-- section -->` and `<!-- /section -->`. */
export function recordResults(section: string, how: string, tables: string): void {
  const results = readFileSync(file, "utf8");
  const marked = new RegExp(`<!-- ${section} -->[\\s\\S]*<!-- /${section} -->`);
  if (!marked.test(results)) throw new Error(`RESULTS.md has no section "${section}"`);
  const block = `<!-- ${section} -->\n${machine()}; ${how}.\n\n${tables}\n<!-- /${section} -->`;
  writeFileSync(
    file,
    results.replace(marked, () => block),
  );
}

/** Puts rows that were measured again in the place of those that begin alike. */
export function replaceRows(section: string, rows: readonly (readonly string[])[]): void {
  const results = readFileSync(file, "utf8");
  const [before, after] = results.split(`<!-- ${section} -->`);
  if (before === undefined || after === undefined) throw new Error(`RESULTS.md has no section "${section}"`);
  const lines = after.split("\n");
  for (const row of rows) {
    const place = lines.findIndex((line) => line.startsWith(`| ${row[0]} |`));
    if (place === -1) throw new Error(`RESULTS.md has no row "${row[0]}"`);
    lines[place] = `| ${row.join(" | ")} |`;
  }
  writeFileSync(file, `${before}<!-- ${section} -->${lines.join("\n")}`);
}

export function markdownTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return [head, head.map(() => "---"), ...rows].map((cells) => `| ${cells.join(" | ")} |`).join("\n");
}

function machine(): string {
  const memory = Math.round(totalmem() / 2 ** 30);
  return `${cpus().length} processors, ${memory} GB, Node ${process.version}, ${new Date().toISOString().slice(0, 10)}`;
}
