import { Command } from "@commander-js/extra-typings";
import { act } from "./act.ts";
import { configFlag } from "./config-flag.ts";
import { announceTarget } from "./open-client.ts";
import { outputFlag } from "./output-flag.ts";
import { withSignature } from "./signature-flags.ts";
import { withTarget } from "./target-flags.ts";

export function noteCommand() {
  const command = new Command("note")
    .summary("Write a line into a dead letter's story")
    .description(
      "Adds a note, signed and dated, to what happened to the letter. A closed letter takes notes too. Nothing else changes.",
    )
    .argument("<id>", "letter id, which may be shortened; the job's workflow id; or - to read ids from standard input")
    .argument("<text>", "the note")
    .addOption(outputFlag())
    .addOption(configFlag())
    .addHelpText(
      "after",
      `
Examples:
  dlo note 0197a3b2-1c4d "supplier confirms: the date is 1946" --by ann
  dlo list --job charge-card --output jsonl | dlo note - "part of incident 512"`,
    );
  return withTarget(withSignature(command)).action(async (id, text, options) => {
    await announceTarget(options);
    await act([id], options, { doing: "Noting", done: "noted" }, async (dlo, letterId, signature) => {
      const letter = await dlo.letters.note(letterId, { text, ...signature });
      return { letter, said: `Noted on ${letter.job} ${letter.workflowId}.` };
    });
  });
}
