import type { Dlo } from "dead-letter-office/client";
import { importMovie } from "./import-movie.ts";

type Page = Awaited<ReturnType<Dlo["letters"]["list"]>>;
export type Letter = Page["letters"][number];
type Filter = NonNullable<Parameters<Dlo["letters"]["list"]>[0]>;

/** All letters of the job, newest failure first, page by page. */
export async function lettersOfImport(dlo: Dlo, filter: Omit<Filter, "job"> = {}): Promise<Letter[]> {
  const letters: Letter[] = [];
  let page: Page;
  let after: string | undefined;
  do {
    const place = after === undefined ? {} : { after };
    page = await dlo.letters.list({ ...filter, job: importMovie.name }, { limit: 1_000, ...place });
    letters.push(...page.letters);
    after = page.next;
  } while (after !== undefined);
  return letters;
}

export function isOpen({ status }: Letter): boolean {
  return status === "parked" || status === "retrying";
}
