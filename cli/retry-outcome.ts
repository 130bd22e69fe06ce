import type { Dlo, LetterRow } from "../client/index.ts";
import type { Done } from "./act.ts";
import { cut, oneLine } from "./cut.ts";
import { shortId } from "./short-ids.ts";

/** Waits until a letter's retry has ended, with a spinner on a terminal. Ctrl-C ends the waiting, not the retry. */
export async function awaitOutcome(dlo: Dlo, retrying: LetterRow): Promise<Done> {
  const { clear } = await spin(`${retrying.job} ${retrying.workflowId} runs again`);
  try {
    for (let pauseMs = 50; ; pauseMs = Math.min(pauseMs * 1.5, 1000)) {
      const letter = await dlo.letters.get(retrying.id);
      if (letter.status !== "retrying") return outcome(letter, retrying);
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
    }
  } finally {
    clear();
  }
}

function outcome(letter: LetterRow, before: LetterRow): Done {
  const who = `${letter.job} ${letter.workflowId}`;
  const id = shortId(letter.id);
  switch (letter.status) {
    case "recovered":
      return { letter, said: `Recovered: ${who}` };
    case "parked":
    case "retrying": {
      if (letter.deaths === before.deaths) return { letter, said: `Parked again, without another death: ${who}. dlo show ${id} tells why`, failed: true };
      const error = cut(oneLine(`${letter.errorType}: ${letter.errorMessage}`), 300);
      return { letter, said: `Died again (${letter.category}): ${who}\n  ${error}\n  To see all of it: dlo show ${id}`, failed: true };
    }
    case "expired":
    case "discarded":
    case "superseded":
      return { letter, said: `Closed as ${letter.status}: ${who}`, failed: true };
  }
}

async function spin(message: string): Promise<{ clear(): void }> {
  if (!process.stderr.isTTY) return { clear: () => undefined };
  const { spinner } = await import("@clack/prompts");
  const spinning = spinner({ indicator: "timer", withGuide: false, output: process.stderr });
  spinning.start(message);
  return { clear: () => spinning.clear() };
}
