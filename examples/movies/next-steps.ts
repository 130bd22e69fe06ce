import { writeFile } from "node:fs/promises";
import { join, relative, resolve } from "node:path";
import { cut } from "../../cli/cut.ts";
import { paint } from "../../cli/paint.ts";
import { shortIds } from "../../cli/short-ids.ts";
import { webUiLinks } from "../../model/web-ui.ts";
import { findOnPath } from "../../stack/find-on-path.ts";
import { resolveTemporal } from "../../stack/temporal-binary.ts";
import { newestYear } from "./good-movie.ts";
import { type Letter, lettersOfImport } from "./letters-of-import.ts";
import type { RawMovie } from "./records.ts";
import type { Running } from "./set-up.ts";

/** A command, and what it is good for. */
type Step = readonly [purpose: string, command: string];

/** The commands to try on what is parked, with the ids that are really there, as lines. */
export async function nextSteps({ dlo, ui, ...where }: Running, folder: string): Promise<string[]> {
  const parked = (await lettersOfImport(dlo, { status: "parked" })).toSorted(inOrderOfRecords);
  const short = shortIds(parked.map(({ id }) => id));
  const idOf = (letter: Letter) => short.get(letter.id) ?? letter.id;
  const misdated = parked.filter(isMisdated);
  const [film] = misdated;
  const other = misdated[1] ?? parked.find((letter) => letter !== film);

  const steps: Step[] = [];
  // dlo looks in .dlo by itself.
  if (folder !== ".dlo")
    steps.push([
      "First say where all of it is, as the state is not in .dlo",
      `export TEMPORAL_ADDRESS=${where.address} DLO_DATABASE_URL='${where.databaseUrl}'`,
    ]);
  steps.push(["See what waits for a person", "npx dlo list --status parked"]);
  if (film !== undefined) {
    const file = await writeMended(film, folder);
    steps.push(
      [`Read the story of ${nameOf(film)}, which came out in ${rightYear(film)}`, `npx dlo show ${idOf(film)}`],
      ["Mend its year and run it again: in your editor …", `npx dlo retry ${idOf(film)} --edit`],
      ["… or with a file in which it is mended", `npx dlo retry ${idOf(film)} --input @${file}`],
    );
  }
  if (other !== undefined) {
    const { namespace } = dlo.temporal.options;
    const temporal = await temporalCommand(where.address, namespace);
    const input = `'{"retention":"60 days","by":"me"}'`;
    steps.push([
      `With Temporal's own command line: keep ${nameOf(other)} for 60 days`,
      `${temporal} workflow signal --workflow-id dead-letter/${other.workflowId} --name extend --input ${input}`,
    ]);
  }
  steps.push([
    "Ask with SQL",
    `psql '${where.databaseUrl}' -c 'select status, category, count(*) from dlo.dead_letters group by 1, 2'`,
  ]);
  const link = film ?? other;
  if (ui !== undefined && link !== undefined) {
    const { letter } = webUiLinks(ui, link);
    steps.push([`The dead letter of ${nameOf(link)} in Temporal Web UI`, letter]);
  }
  return steps.flatMap(([purpose, command]) => [`  ${paint("dim", purpose)}`, `    ${command}`]);
}

function inOrderOfRecords(a: Letter, b: Letter): number {
  return a.workflowId.localeCompare(b.workflowId);
}

function isMisdated({ payload }: Letter): boolean {
  return yearOf(payload) > newestYear && typeof titleOf(payload) === "string";
}

/** A copy of the record with the year that was meant, in the state folder; gives its path, from here. */
async function writeMended({ payload, workflowId }: Letter, folder: string): Promise<string> {
  const movie = payload as RawMovie;
  const year = yearOf(payload);
  const mended = { ...movie, "Release Date": movie["Release Date"].replace(String(year), String(year - 100)) };
  const file = join(folder, `${workflowId}-mended.json`);
  await writeFile(file, `${JSON.stringify(mended, null, 2)}\n`);
  const fromHere = relative(process.cwd(), file);
  return fromHere.startsWith("..") ? resolve(file) : fromHere;
}

function rightYear({ payload }: Letter): number {
  return yearOf(payload) - 100;
}

function nameOf({ key, workflowId }: Letter): string {
  return key === null ? workflowId : `"${cut(key, 40)}"`;
}

function titleOf(payload: unknown): unknown {
  return (payload as RawMovie | null)?.Title;
}

/** 0 where there is none. */
function yearOf(payload: unknown): number {
  return Number((payload as RawMovie | null)?.["Release Date"].slice(-4) ?? 0);
}

async function temporalCommand(address: string, namespace: string): Promise<string> {
  const command = findOnPath("temporal") ? "temporal" : (await resolveTemporal({ progress: () => undefined })).path;
  const elsewhere = address === "127.0.0.1:7233" ? "" : ` --address ${address}`;
  return `${command}${elsewhere}${namespace === "default" ? "" : ` --namespace ${namespace}`}`;
}
