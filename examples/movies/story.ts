import { paint } from "../../cli/paint.ts";
import { causeLines } from "./cause-lines.ts";
import { checkCatalogue, type Checked } from "./check-catalogue.ts";
import { deadByCause } from "./dead-by-cause.ts";
import { importRecords, type Tally } from "./import-records.ts";
import type { Options } from "./options.ts";
import { startOutage } from "./outage.ts";
import { type Plan, planImport } from "./plan-import.ts";
import type { RawMovie } from "./records.ts";
import { retryNetworkDeaths } from "./retry-network-deaths.ts";
import { count, counted, type Screen } from "./screen.ts";
import type { Running } from "./set-up.ts";

export type StoryOptions = Options & {
  /** Every record there is. */
  readonly all: readonly RawMovie[];
  readonly signal: AbortSignal;
  readonly screen: Screen;
};

/** So many records at least, or there is no "midway". */
const worthAnOutage = 10;

/**
 * The import, with the outage midway; what died, by cause; the retry of what the network killed; and what the catalogue
 * then holds.
 *
 * @returns whether the catalogue holds what it should
 */
export async function tellStory(running: Running, options: StoryOptions): Promise<boolean> {
  const { dlo, catalogue, databaseUrl } = running;
  const { all, records, signal, screen } = options;
  const chapter = (title: string, lines: readonly string[] = []) => {
    // Ctrl-C ends the story; what was asked before may still be answered.
    signal.throwIfAborted();
    screen.say(`\n${paint("bold", title)}`);
    for (const line of lines) screen.say(line);
  };

  const plan = await planImport(dlo, catalogue, all.slice(0, records));
  chapter("The import", skipped(plan));
  await importWithOutage(running, plan, options);

  const causes = await deadByCause(databaseUrl);
  const dead = causes.reduce((sum, { letters }) => sum + letters, 0);
  if (dead > 0) chapter(`What is dead, by cause: ${counted(dead, "letter")}`, causeLines(causes, columns()));

  await retryNetworkDeaths(dlo, {
    signal,
    begun(retried) {
      chapter(`The retry of ${counted(retried.of, "letter")} that died of the network`);
      screen.follow(() => ({
        done: retried.recovered + retried.diedAgain,
        of: retried.of,
        facts: [
          `${count(retried.recovered)} recovered`,
          ...some(retried.diedAgain, "died again, as the record is bad"),
        ],
      }));
    },
  });
  screen.rest();

  const checked = await checkCatalogue(dlo, catalogue, all, records);
  chapter("The catalogue, asked over HTTP", verdict(checked));
  return checked.problems.length === 0;
}

async function importWithOutage({ dlo, catalogue }: Running, plan: Plan, options: StoryOptions): Promise<void> {
  const { signal, screen } = options;
  const tally: Tally = { succeeded: 0, died: 0 };
  const of = plan.toStart.length + plan.toFollow.length;
  if (of === 0) return screen.say("  Nothing is left to import.");
  let outageOver: Promise<void> | undefined;
  const midway = async () => {
    if (plan.toStart.length < worthAnOutage) return;
    const { over } = await startOutage(catalogue, dlo, signal);
    screen.say(`  ${paint("red", "✗")} Midway the catalogue goes down: its port is closed, and connections are reset.`);
    outageOver = over.then((ms) => {
      screen.say(`  ${paint("green", "✓")} The catalogue is back after ${(ms / 1_000).toFixed(1)} s.`);
    });
    // Awaited below, unless the import fails first.
    outageOver.catch(() => undefined);
  };
  screen.follow(() => ({
    done: tally.succeeded + tally.died,
    of,
    facts: [`${count(tally.succeeded)} succeeded`, `${count(tally.died)} died`],
  }));
  await importRecords(dlo, plan, { tally, signal, midway });
  await outageOver;
  screen.rest();
}

function skipped({ stored, parked, toFollow }: Plan): string[] {
  return [
    ...(stored > 0 ? [`  ${counted(stored, "record is", "records are")} in the catalogue already: skipped.`] : []),
    ...(parked > 0 ? [`  ${counted(parked, "record has an open letter", "records have open letters")}: skipped.`] : []),
    ...(toFollow.length > 0
      ? [
          `  ${counted(toFollow.length, "job", "jobs")} of an interrupted import ${toFollow.length === 1 ? "goes" : "go"} on.`,
        ]
      : []),
  ];
}

function verdict({ good, mended, waiting, givenUp, problems }: Checked): string[] {
  const mark = problems.length === 0 ? paint("green", "✓") : paint("red", "✗");
  return [
    `  ${mark} ${counted(good, "good record")} stored, each exactly once and as it is`,
    ...(mended > 0 ? [`  ${paint("green", "✓")} ${counted(mended, "mended record")} stored as mended`] : []),
    ...(waiting > 0
      ? [`  ${paint("yellow", "•")} ${counted(waiting, "bad record")} not stored: parked, for a person to mend`]
      : []),
    ...(givenUp > 0 ? [`  ${paint("dim", "•")} ${counted(givenUp, "bad record")} not stored: given up`] : []),
    ...problems.slice(0, 10).map((problem) => `  ${paint("red", "✗")} ${problem}`),
    ...(problems.length > 10 ? [`  ${paint("red", "✗")} … and ${count(problems.length - 10)} problems more`] : []),
  ];
}

/** A number with its word, where it is not none. */
function some(number: number, words: string): string[] {
  return number === 0 ? [] : [`${count(number)} ${words}`];
}

/** Off a terminal lines are not broken. */
function columns(): number {
  return process.stdout.isTTY ? process.stdout.columns : Infinity;
}
