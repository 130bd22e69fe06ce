import { isDeepStrictEqual } from "node:util";
import type { Dlo } from "dead-letter-office/client";
import type { Catalogue, CatalogueReport } from "./catalogue.ts";
import { judge } from "./good-movie.ts";
import { isOpen, type Letter, lettersOfImport } from "./letters-of-import.ts";
import { type RawMovie, recordId } from "./records.ts";

export type Checked = {
  /** Good records of this import, each stored once and as it is. */
  readonly good: number;
  /** Records that were mended in their letters, and are stored so. */
  readonly mended: number;
  /** Bad records of this import whose letters are open. */
  readonly waiting: number;
  /** Bad records of this import whose letters somebody closed, or time did. */
  readonly givenUp: number;
  /** What is not as it should be, a sentence each; empty where all is well. */
  readonly problems: readonly string[];
};

/**
 * Compares what the catalogue holds, over HTTP, with what it should: every good record exactly once, nothing else but what
 * was mended, and for every bad record a letter.
 *
 * @param all every record there is, as an earlier import may have had more of them
 * @param records how many of them this import was about
 */
export async function checkCatalogue(
  dlo: Dlo,
  catalogue: Catalogue,
  all: readonly RawMovie[],
  records: number,
): Promise<Checked> {
  const stored = await get<readonly { key: string; movie: RawMovie }[]>(`${catalogue.url}/movies`);
  const { secondEffects } = await get<CatalogueReport>(`${catalogue.url}/report`);
  const letters = byJob(await lettersOfImport(dlo));
  const recordOf = new Map(all.map((record, index) => [recordId(index), record]));
  const problems: string[] = [];
  const counts = { good: 0, mended: 0, waiting: 0, givenUp: 0 };

  const storedKeys = new Set<string>();
  for (const { key, movie } of stored) {
    if (storedKeys.has(key)) problems.push(`${key} is stored twice.`);
    storedKeys.add(key);
    const isAsItWas = isDeepStrictEqual(movie, recordOf.get(key));
    if (isAsItWas) continue;
    const mended = letters
      .get(key)
      ?.some(({ status, payload }) => status === "recovered" && isDeepStrictEqual(movie, payload));
    if (mended) counts.mended += 1;
    else problems.push(`${key} is stored, but neither as the record is nor as somebody mended it.`);
  }
  for (const [index, record] of all.slice(0, records).entries()) {
    const id = recordId(index);
    if (storedKeys.has(id)) {
      if ("movie" in judge(record)) counts.good += 1;
      continue;
    }
    const own = letters.get(id) ?? [];
    if ("movie" in judge(record)) problems.push(`${id} is a good record, and is not stored (${fate(own)}).`);
    else if (own.some(isOpen)) counts.waiting += 1;
    else if (own.length > 0) counts.givenUp += 1;
    else problems.push(`${id} is a bad record, and has no letter.`);
  }
  for (const effect of secondEffects)
    problems.push(`${effect.key} had a second effect: ${effect.kind}, at ${effect.at}.`);
  return { ...counts, problems };
}

async function get<Body>(url: string): Promise<Body> {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`The catalogue answered ${response.status} to GET ${url}`);
  return (await response.json()) as Body;
}

function byJob(letters: readonly Letter[]): ReadonlyMap<string, readonly Letter[]> {
  const found = new Map<string, Letter[]>();
  for (const letter of letters) found.set(letter.workflowId, [...(found.get(letter.workflowId) ?? []), letter]);
  return found;
}

function fate(letters: readonly Letter[]): string {
  return letters[0] === undefined ? "and has no letter" : `its letter ${letters[0].id} is ${letters[0].status}`;
}
