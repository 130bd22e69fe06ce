import { distance } from "fastest-levenshtein";

/** The known word that was probably meant, or undefined where none is near. Case does not matter. */
export function didYouMean(word: string, known: readonly string[]): string | undefined {
  if (word === "" || word.length > longestWord) return undefined;
  const typed = word.toLowerCase();
  let best: string | undefined;
  let bestSimilarity = 0;
  for (const candidate of known) {
    const similarity = similarityOf(typed, candidate.toLowerCase());
    if (similarity > bestSimilarity) [best, bestSimilarity] = [candidate, similarity];
  }
  return bestSimilarity >= nearEnough ? best : undefined;
}

/** `Unknown option "retension". Did you mean "retention"? Known: retention, keepFor` */
export function unknownWord(what: string, word: string, known: readonly string[]): string {
  const meant = didYouMean(word, known);
  const shown = word.length > longestWord ? `${word.slice(0, longestWord)}…` : word;
  return [
    `Unknown ${what} ${JSON.stringify(shown)}.`,
    ...(meant === undefined ? [] : [`Did you mean "${meant}"?`]),
    known.length === 0 ? "None is known." : `Known: ${known.join(", ")}`,
  ].join(" ");
}

const longestWord = 100;
/** Two of three letters right. "status" and "statuses" are 0.75, "queue" and "cause" 0.4. */
const nearEnough = 0.62;

function similarityOf(typed: string, candidate: string): number {
  const byLetters = 1 - distance(typed, candidate) / Math.max(typed.length, candidate.length);
  // "retries" for "maximumRetries", "timeout" for "startToCloseTimeout".
  const contained = typed.length >= 5 && candidate.includes(typed) ? nearEnough : 0;
  // "jbo" for "job", "tga" for "tag": swapped letters weigh too much in short words.
  const swapped = typed.length > 2 && sorted(typed) === sorted(candidate) ? nearEnough : 0;
  return Math.max(byLetters, contained, swapped);
}

function sorted(word: string): string {
  return Array.from(word).toSorted().join("");
}
