import { Command } from "@commander-js/extra-typings";
import { usage } from "../model/office-error.ts";
import { actOnChosen } from "./act-on-chosen.ts";
import { chosenLetters } from "./chosen-letters.ts";
import { withLetterFlags } from "./letter-flags.ts";
import { announceTarget } from "./open-client.ts";

export function noteCommand() {
  const command = new Command("note")
    .summary("Write a line into a dead letter's story")
    .description(
      "Adds a note, signed and dated, to what happened to the letter. A closed letter takes notes too. Nothing else changes.",
    )
    .usage("[options] <id> <text>")
    .argument("[id]", "letter id, which may be shortened; the job's workflow id; or - to read ids from standard input")
    .argument("[text]", "the note")
    .addHelpText(
      "after",
      `
Examples:
  dlo note 0197a3b2-1c4d "supplier confirms: the date is 1946" --by ann
  dlo note --filter 'job:charge-card failed:2026-11-24' "part of incident 512"
  dlo list --job charge-card --output jsonl | dlo note - "part of incident 512"`,
    );
  return withLetterFlags(command).action(async (first, second, options) => {
    // With a filter there is no id before it.
    const [id, text] = options.filter === undefined || second !== undefined ? [first, second] : [undefined, first];
    if (text === undefined) throw usage("What is the note? Give its text");
    await announceTarget(options);
    const chosen = await chosenLetters(id === undefined ? [] : [id], options, { closedToo: true });
    const words = { verb: "Note it on", doing: "Noting", done: "noted" };
    await actOnChosen(chosen, { name: "note", text }, options, words, async (dlo, letterId, signature) => {
      const letter = await dlo.letters.note(letterId, { text, ...signature });
      return { letter, said: `Noted on ${letter.job} ${letter.workflowId}.` };
    });
  });
}
