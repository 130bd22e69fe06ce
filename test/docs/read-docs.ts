import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

export const root = fileURLToPath(new URL("../..", import.meta.url));

/** The documents that a reader of a release gets. */
export const documents = [
  "README.md",
  "CHANGELOG.md",
  "CONTRIBUTING.md",
  "docs/start.md",
  "docs/operate.md",
  "docs/find.md",
  "docs/causes.md",
  "docs/debug.md",
  "docs/export.md",
  "docs/deploy.md",
  "docs/paging.md",
  "docs/speed.md",
  "docs/jobs.md",
  "docs/letters.md",
  "docs/queues.md",
  "docs/redrive.md",
  "docs/requests.md",
  "docs/adopt.md",
  "docs/prune.md",
  "docs/reconcile.md",
  "docs/capture.md",
  "docs/errors.md",
  "docs/events.md",
  "docs/tables.md",
  "docs/analytics.md",
  "docs/internals.md",
  "docs/capabilities.md",
  "docs/promises.md",
] as const;

/** A fenced block: ```` ```sh run=setup ````. */
export type Block = {
  readonly document: string;
  readonly language: string;
  /** What else the fence says, such as `{ run: "setup" }`. */
  readonly marks: Readonly<Record<string, string>>;
  readonly text: string;
  /** Of the fence, from 1. */
  readonly line: number;
};

export async function readDocument(document: string): Promise<string> {
  return await readFile(join(root, document), "utf8");
}

export async function blocksOf(document: string): Promise<Block[]> {
  const lines = (await readDocument(document)).split("\n");
  const blocks: Block[] = [];
  let open: { readonly info: string; readonly line: number } | undefined;
  let text: string[] = [];
  for (const [i, line] of lines.entries()) {
    if (open === undefined) {
      if (line.startsWith("```")) [open, text] = [{ info: line.slice(3), line: i + 1 }, []];
    } else if (line === "```") {
      const [language = "", ...marks] = open.info.trim().split(/\s+/);
      const pairs = marks.map((mark) => mark.split("=") as [string, string]);
      blocks.push({
        document,
        language,
        marks: Object.fromEntries(pairs),
        text: `${text.join("\n")}\n`,
        line: open.line,
      });
      open = undefined;
    } else text.push(line);
  }
  if (open !== undefined) throw new Error(`${document}:${open.line}: the block is not closed`);
  return blocks;
}

/** Lines of a table's cells, without its head; of the first table under this heading, or of the document. */
export function tableRows(markdown: string, heading?: string): string[][] {
  const from = heading === undefined ? 0 : markdown.indexOf(`\n${heading}\n`);
  if (from < 0) throw new Error(`There is no heading "${heading}"`);
  const lines = markdown.slice(from + (heading?.length ?? 0) + 1).split("\n");
  const start = lines.findIndex((line) => line.startsWith("|"));
  const length = lines.slice(start).findIndex((line) => !line.startsWith("|"));
  return lines.slice(start + 2, start + length).map((line) =>
    line
      .slice(1, -1)
      .split(" | ")
      .map((cell) => cell.trim()),
  );
}

/** The words in backticks in a text. */
export function codeWords(text: string): string[] {
  return [...text.matchAll(/`([^`]+)`/g)].map(([, word]) => word!);
}

/**
 * A folder with a document's TypeScript blocks as files, in the clone, so that they find the package by its name. A block
 * without a name gets one by its line.
 */
export async function folderOfBlocks(document: string): Promise<{ readonly folder: string; remove(): Promise<void> }> {
  await mkdir(join(root, ".test"), { recursive: true });
  const folder = await mkdtemp(join(root, ".test", "docs-"));
  for (const block of await blocksOf(document)) {
    if (block.language !== "ts") continue;
    const file = join(folder, block.marks["file"] ?? `line-${block.line}.ts`);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, block.text);
  }
  return { folder, remove: async () => await rm(folder, { recursive: true, force: true, maxRetries: 5 }) };
}
