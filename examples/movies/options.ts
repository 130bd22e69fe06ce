import { Command, InvalidArgumentError } from "@commander-js/extra-typings";

export type Options = {
  /** Holds all state: the servers', the catalogue's, the letters'. */
  readonly folder: string;
  /** How many of the records to import, from the first. */
  readonly records: number;
  /** Ends after the summary. */
  readonly once: boolean;
};

/** Reads the command line. Ends the process, with a word about why, where it is wrong or asks for help. */
export function readOptions(argv: readonly string[], recordsInAll: number): Options {
  const command = new Command("npm start --")
    .description(
      "Imports 3,201 real records as supervised jobs, lets the catalogue fail midway, and shows what becomes of them.",
    )
    .option("--records <n>", "import the first n records", (text) => whole(text, recordsInAll), recordsInAll)
    .option("--once", "end after the summary; the letters stay parked", false)
    .option("--folder <folder>", "where all state is kept", ".dlo")
    .allowExcessArguments(false)
    .parse([...argv], { from: "user" });
  return command.opts();
}

function whole(text: string, most: number): number {
  const number = Number(text);
  if (/^\d+$/.test(text) && number >= 1 && number <= most) return number;
  throw new InvalidArgumentError(`It must be a whole number from 1 to ${most}.`);
}
