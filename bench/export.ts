import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import postgres from "postgres";
import { exportLetters } from "../client/export-letters.ts";
import { type ExportFormat, exportFormats } from "../model/export-options.ts";
import { connectionOptions } from "../schema/database.ts";
import { exportColumns } from "../schema/export-columns.ts";
import { openBenchPostgres } from "./bench-postgres.ts";
import { median } from "./measure.ts";
import { markdownTable, recordResults } from "./results-file.ts";
import { seedLetters } from "./seed-letters.ts";

// How fast letters are exported, as a ratio to `COPY … TO STDOUT` of the same columns, read by Node and dropped; and the most
// memory that it takes. Each measurement is a process of its own, the rounds are interleaved, and each figure is divided by the
// mean of the COPYs before and after it. `npm run bench:export`, or with `-- --letters 100000 --dry`.

type Measured = { readonly letters: number; readonly seconds: number; readonly peakMb: number };

const asked: Readonly<Record<ExportFormat, number>> = { csv: 1 / 3, jsonl: 1 / 3, parquet: 1 / 4 };
const { values } = parseArgs({
  options: {
    letters: { type: "string", default: "1000000" },
    rounds: { type: "string", default: "3" },
    folder: { type: "string" },
    dry: { type: "boolean", default: false },
    one: { type: "string" },
    url: { type: "string" },
  },
});

if (values.one !== undefined && values.url !== undefined)
  console.log(JSON.stringify(await one(values.one, values.url)));
else await compare();

async function compare(): Promise<void> {
  await using server = await openBenchPostgres(values.folder);
  const sizes = [Math.round(Number(values.letters) / 10), Number(values.letters)];
  const rows: string[][] = [];
  for (const letters of sizes) {
    const { url, fresh } = await server.database(`letters_${letters}`);
    if (fresh) await seeded(url, letters);
    const ratios: Record<ExportFormat, number[]> = { csv: [], jsonl: [], parquet: [] };
    const all: Record<ExportFormat | "copy", Measured[]> = { copy: [], csv: [], jsonl: [], parquet: [] };
    let before = inProcess("copy", url);
    for (let round = 0; round < Number(values.rounds); round++)
      for (const format of exportFormats) {
        const measured = inProcess(format, url);
        const after = inProcess("copy", url);
        ratios[format].push(rate(measured) / ((rate(before) + rate(after)) / 2));
        all[format].push(measured);
        all.copy.push(after);
        console.log(
          `${letters} letters, ${format}: ${rate(measured).toFixed(0)}/s, ratio ${ratios[format].at(-1)!.toFixed(2)}, ${measured.peakMb} MB`,
        );
        before = after;
      }
    for (const format of exportFormats) rows.push(row(format, letters, all[format], ratios[format]));
    rows.push(row("copy", letters, all.copy));
  }
  const table = markdownTable(["format", "letters", "a second", "of `COPY`", "asked", "peak"], rows);
  console.log(`\n${table}\n`);
  if (!values.dry)
    recordResults(
      "export",
      `all ${exportColumns.length} columns, medians of ${values.rounds} interleaved rounds`,
      table,
    );
}

function row(
  what: ExportFormat | "copy",
  letters: number,
  measured: readonly Measured[],
  ratios?: readonly number[],
): string[] {
  return [
    what === "copy" ? "`COPY … TO STDOUT`" : what,
    letters.toLocaleString("en"),
    Math.round(median(measured.map(rate))).toLocaleString("en"),
    ratios === undefined ? "1" : median(ratios).toFixed(2),
    what === "copy" ? "–" : asked[what].toFixed(2),
    `${Math.max(...measured.map(({ peakMb }) => peakMb))} MB`,
  ];
}

function rate({ letters, seconds }: Measured): number {
  return letters / seconds;
}

async function seeded(url: string, letters: number): Promise<void> {
  const sql = postgres(url, { ...connectionOptions, max: 2 });
  await seedLetters(sql, letters, { progress: (line) => console.log(line) });
  await sql.end();
}

function inProcess(what: string, url: string): Measured {
  const own = fileURLToPath(import.meta.url);
  return JSON.parse(
    execFileSync(process.execPath, ["--import", "tsx", own, "--one", what, "--url", url], { encoding: "utf8" }),
  ) as Measured;
}

async function one(what: string, url: string): Promise<Measured> {
  const began = performance.now();
  const letters = what === "copy" ? await copied(url) : await exported(what as ExportFormat, url);
  const seconds = (performance.now() - began) / 1000;
  return { letters, seconds, peakMb: Math.round(process.resourceUsage().maxRSS / 1024) };
}

async function exported(format: ExportFormat, url: string): Promise<number> {
  let letters = 0;
  const stream = exportLetters(url, {}, { format, onProgress: (count) => (letters = count) });
  for await (const _ of stream);
  return letters;
}

async function copied(url: string): Promise<number> {
  const sql = postgres(url, { ...connectionOptions, max: 1 });
  const names = exportColumns.map(({ name }) => `"${name}"`).join(", ");
  const stream = await sql.unsafe(`copy (select ${names} from dlo.dead_letters) to stdout`).readable();
  let letters = 0;
  stream.on("data", () => letters++);
  await new Promise((resolve, reject) => stream.on("end", resolve).on("error", reject));
  await sql.end({ timeout: 1 });
  return letters;
}
