// The main example: imports the records of movies.json as supervised jobs, while the catalogue fails midway.
import { openLettersLine } from "../../cli/open-letters.ts";
import { paint } from "../../cli/paint.ts";
import { stopSignal } from "../../cli/until-signal.ts";
import { nextSteps } from "./next-steps.ts";
import { readOptions } from "./options.ts";
import { loadRecords } from "./records.ts";
import { counted, openScreen } from "./screen.ts";
import { setUp } from "./set-up.ts";
import { tellStory } from "./story.ts";

const all = loadRecords();
const options = readOptions(process.argv.slice(2), all.length);
const screen = openScreen(process.stdout);
const { signal, off } = stopSignal((line) => {
  screen.rest();
  screen.say(`\n${line}`);
});
const stops: (() => Promise<void>)[] = [];
let openLetters: string | undefined;

// Not by itself: a call that Ctrl-C interrupted may still wait to be repeated, and nobody needs its answer.
process.exit(await main());

/**
 * Whatever ends it, half started or not: what was started is stopped, in the opposite order. All state is in the folder, so
 * the next start goes on where this one ended.
 *
 * @returns the exit code: 0, 1 for a failure or a check that failed, 130 after Ctrl-C
 */
async function main(): Promise<number> {
  try {
    return (await run()) ? 0 : 1;
  } catch (error) {
    if (signal.aborted) return 130;
    screen.rest();
    screen.say(`\n${paint("red", "✗")} ${error instanceof Error ? error.message : String(error)}`);
    return 1;
  } finally {
    for (const stop of stops.toReversed()) await stop();
    if (openLetters !== undefined) screen.say(`\n${openLetters}`);
    off();
  }
}

/** @returns whether the check passed; throws the signal's reason after Ctrl-C, if it did */
async function run(): Promise<boolean> {
  const { folder, records, once } = options;
  screen.say(
    `${paint("bold", "Dead Letter Office")}: ${counted(records, "movie")}, each imported by a supervised job\n`,
  );
  const running = await setUp({
    folder,
    signal,
    started: (name, where) => screen.say(`  ${paint("green", "✓")} ${name.padEnd(10)} ${where}`),
    progress: (line) => screen.say(paint("dim", `    ${line}`)),
    stopLater: (stop) => stops.push(stop),
  });
  // Asked first, while the database still answers, and said last.
  const { address, databaseUrl } = running;
  const { namespace } = running.dlo.temporal.options;
  stops.push(async () => void (openLetters = await openLettersLine({ address, namespace, databaseUrl })));
  const ended = Promise.race([running.failed, rejected(signal)]);
  const story = tellStory(running, { ...options, all, signal, screen });
  // When it is interrupted, or a server fails, what becomes of it is of no interest.
  story.catch(() => undefined);
  const passed = await Promise.race([story, ended]);

  if (once) {
    screen.say(`\nAll state stays in ${folder}: npm start, or npx dlo dev, brings it up again.`);
    return passed;
  }
  screen.say(`\n${paint("bold", "Try next, in another terminal")}`);
  for (const line of await nextSteps(running, folder)) screen.say(line);
  screen.say(`\nAll of it runs until Ctrl-C; the letters stay in ${folder}.`);
  return await ended.catch((error: unknown) => {
    if (passed || !signal.aborted) throw error;
    return false;
  });
}

function rejected(by: AbortSignal): Promise<never> {
  return new Promise((_, reject) => by.addEventListener("abort", () => reject(by.reason as Error), { once: true }));
}
