/**
 * What became of a line.
 *
 * - `imported`: it is a letter here now, parked
 * - `here`: it is one of the letters here already; an interrupted import of it has been brought to its end
 * - `closed`: the letter was closed where it came from, and closed ones were not asked for
 * - `refused`: it cannot be imported; `why` says why
 */
export const importOutcomes = ["imported", "here", "closed", "refused"] as const;

export type ImportOutcome = (typeof importOutcomes)[number];

export type ImportedLine = {
  /** From 1. */
  readonly line: number;
  readonly outcome: ImportOutcome;
  /** Of the letter here. */
  readonly id?: string;
  /** Why it was not imported. */
  readonly why?: string;
};

/** How many lines had each outcome. Empty lines count as nothing. */
export type ImportReport = { readonly [Outcome in ImportOutcome]: number } & {
  /** The lines that were not imported, the first 1,000 of them. */
  readonly skipped: readonly ImportedLine[];
};

export type ImportOptions = {
  /** Who imports; recorded in each letter's story. @default the client's identity */
  readonly by?: string;
  /** Why; recorded likewise. */
  readonly reason?: string;
  /** Letters that were closed come back as well, parked like the others. @default false */
  readonly closed?: boolean;
  /** Only says what would become of each line; nothing is written. @default false */
  readonly dryRun?: boolean;
  /** The office that is to run the letters. @default "dead-letter-office" */
  readonly office?: string;
  /** Called for each line, in order of the lines. */
  readonly onLine?: (line: ImportedLine) => void;
};
