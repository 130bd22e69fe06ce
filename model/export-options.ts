/** What letters can be exported as. */
export const exportFormats = ["csv", "jsonl", "parquet"] as const;

export type ExportFormat = (typeof exportFormats)[number];

export type ExportOptions = {
  /** @default "jsonl" */
  readonly format?: ExportFormat;
  /**
   * All that is known of each letter, one document a line: deaths with their attempts, events, causes and, where the user of the
   * database may select them, the encoded inputs. That is what `import` brings back whole. JSON lines only.
   *
   * @default false
   */
  readonly full?: boolean;
  /** Only these columns, in this order; names as in JSON (`failedAt`) or as in the table (`failed_at`). @default all */
  readonly columns?: readonly string[];
  /**
   * For Excel and the like: text that they would take for a formula gets an apostrophe in front, and the file a byte order
   * mark. CSV only.
   *
   * @default false
   */
  readonly spreadsheet?: boolean;
  /** Told now and then how many letters are out. */
  readonly onProgress?: (letters: number) => void;
};
