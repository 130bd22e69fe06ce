/**
 * Changes the input of a letter before its job runs again; named in the office's config, and asked for by name.
 *
 * @param input as the job got it, decoded; the function's own copy
 * @returns the new input, which the job's worker checks. What it throws is why the letter is refused
 */
export type Amendment = (input: any, letter: { readonly letterId: string }) => unknown;

export type Amendments = Readonly<Record<string, Amendment>>;
