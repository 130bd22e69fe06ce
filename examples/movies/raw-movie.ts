import { z } from "zod";

const amount = z.int().nonnegative().nullable();
const word = z.string().nullable();
const releaseDate = /^(Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) \d{2} \d{4}$/;

/**
 * A record of `movies.json` as the file has it, dirt included: titles that are numbers, dates in the wrong century.
 *
 * Imports nothing but zod, so that a job's contract can name it wherever the contract goes.
 */
export const rawMovie = z.strictObject({
  Title: z.union([z.string(), z.number()]).nullable(),
  "US Gross": amount,
  "Worldwide Gross": amount,
  "US DVD Sales": amount,
  "Production Budget": amount,
  "Release Date": z.string().regex(releaseDate, { error: 'must be written like "Jun 12 1998"', abort: true }),
  "MPAA Rating": word,
  "Running Time min": amount,
  Distributor: word,
  Source: word,
  "Major Genre": word,
  "Creative Type": word,
  Director: word,
  "Rotten Tomatoes Rating": z.int().min(0).max(100).nullable(),
  "IMDB Rating": z.number().min(0).max(10).nullable(),
  "IMDB Votes": amount,
});

export type RawMovie = z.infer<typeof rawMovie>;
