import type { Dlo, LetterRow } from "../client/index.ts";
import type { Done } from "./act.ts";
import { cut, oneLine } from "./cut.ts";
import { ownCommand } from "./own-command.ts";
import { shortId } from "./short-ids.ts";

/** Waits until a letter's retry has ended, with a spinner on a terminal. Ctrl-C ends the waiting, not the retry. */
export async function awaitOutcome(dlo: Dlo, retried: LetterRow): Promise<Done> {
  if (retried.status !== "retrying") return await outcome(dlo, retried);
  const { clear } = await spin(`${retried.job} ${retried.workflowId} runs again`);
  try {
    for (let pauseMs = 50; ; pauseMs = Math.min(pauseMs * 1.5, 1000)) {
      const letter = await dlo.letters.get(retried.id);
      if (letter.status !== "retrying") return await outcome(dlo, letter);
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
    }
  } finally {
    clear();
  }
}

async function outcome(dlo: Dlo, letter: LetterRow): Promise<Done> {
  const who = `${letter.job} ${letter.workflowId}`;
  switch (letter.status) {
    case "recovered":
    case "superseded":
      return {
        letter,
        said: `${letter.status === "recovered" ? "Recovered" : "Superseded by a run of the app's"}: ${who}`,
      };
    case "parked":
    case "retrying":
      return {
        letter,
        said: `${await parkedAgain(dlo, letter, who)}\n  To see all of it: ${ownCommand} show ${shortId(letter.id)}`,
        failed: true,
      };
    case "expired":
    case "discarded":
      return { letter, said: `Closed as ${letter.status}: ${who}`, failed: true };
  }
}

async function parkedAgain(dlo: Dlo, letter: LetterRow, who: string): Promise<string> {
  const { events } = await dlo.letters.story(letter.id);
  const end = events.findLast(({ type }) => ends.has(type));
  switch (end?.type) {
    case "waiting":
      return `Not started: ${who} waits for a run of the same id that the app started`;
    case "retry_cancelled":
      return `Cancelled, and parked again: ${who}${end.reason === null ? "" : `\n  ${cut(oneLine(end.reason), 300)}`}`;
    default:
      return `Died again (${letter.category}): ${who}\n  ${cut(oneLine(`${letter.errorType}: ${letter.errorMessage}`), 300)}`;
  }
}

/** The events with which a retry leads back to `parked`. */
const ends: ReadonlySet<string> = new Set(["died_again", "retry_cancelled", "waiting"]);

async function spin(message: string): Promise<{ clear(): void }> {
  if (!process.stderr.isTTY) return { clear: () => undefined };
  const { spinner } = await import("@clack/prompts");
  const spinning = spinner({ indicator: "timer", withGuide: false, output: process.stderr });
  spinning.start(message);
  return { clear: () => spinning.clear() };
}
