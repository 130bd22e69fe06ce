import { type Command, Option, type OptionValues } from "@commander-js/extra-typings";
import type { Filter } from "../model/filter.ts";
import { parseFilter } from "../model/filter-line.ts";
import { usage } from "../model/office-error.ts";
import { ask, canAsk } from "./confirm.ts";
import { type OfficeFlag, officeFlag } from "./office-flag.ts";
import { notice } from "./output-flag.ts";
import { mostLetters } from "./read-ids.ts";
import type { TargetFlags } from "./target-flags.ts";

/** Letters by a filter, in place of ids. */
export type ChoiceFlags = OfficeFlag & { readonly filter?: string; readonly dryRun?: true };

/** @param office what the command has an office for */
export function withChoice<Args extends unknown[], Options extends OptionValues>(
  command: Command<Args, Options>,
  office = "for several letters by --filter: the office that asks them; a single letter finds its own",
): Command<Args, Options & ChoiceFlags> {
  return command
    .addOption(
      new Option(
        "--filter <line>",
        "in place of ids: the letters that this fits, as dlo list finds them; open ones, unless it says a status. It asks first. Several are a redrive: see dlo redrive",
      ),
    )
    .addOption(
      new Option("--dry-run", "with --filter: say how many it would take, and which not and why not; change nothing"),
    )
    .addOption(officeFlag(office)) as never;
}

/** Letters to be taken one by one, or a filter that fits several: these are a redrive's. */
export type Chosen = { readonly ids: readonly string[] } | { readonly filter: Filter };

/**
 * What was chosen by ids or by a filter.
 *
 * @param how `closedToo`: closed letters are meant, too, where the filter says no status; `several`: one letter is taken as
 *   several are
 * @throws {OfficeError} `USAGE` for both or neither
 */
export async function chosenLetters(
  given: readonly string[],
  flags: ChoiceFlags & TargetFlags,
  { closedToo = false, several = false } = {},
): Promise<Chosen> {
  const filter = choiceOf(given, flags);
  if (filter === undefined) return { ids: given };
  if (flags.dryRun || several) return { filter };
  const { ids, more } = await idsThatFit(filter, flags, 1, closedToo);
  return more ? { filter } : { ids };
}

/**
 * The ids that were given, or those that the filter finds now: what dies later is not touched.
 *
 * @throws {OfficeError} `USAGE` for both or neither, and for more than 1,000 letters
 */
export async function chosenIds(
  given: readonly string[],
  flags: ChoiceFlags & TargetFlags,
): Promise<readonly string[]> {
  const filter = choiceOf(given, flags);
  if (filter === undefined) return given;
  const { ids, more } = await idsThatFit(filter, flags, mostLetters, false);
  if (more)
    throw usage(
      `The filter fits more than ${mostLetters} letters, which is too many at once. Narrow it, such as by job:…, cause:… or failed:<4h`,
    );
  return ids;
}

/** Why nothing is done where nobody can be asked. */
export function cannotAskByFilter(letters: string): string {
  return `The filter fits ${letters}, and nobody can be asked here`;
}

/**
 * Asks before letters are touched that nobody named one by one.
 *
 * @param doing such as `Retry`
 * @throws {OfficeError} `USAGE` where nobody can be asked and --yes is missing
 */
export async function confirmChoice(
  doing: string,
  ids: readonly string[],
  flags: ChoiceFlags & { yes?: true },
): Promise<boolean> {
  if (flags.filter === undefined || flags.yes || ids.length === 0) return ids.length > 0;
  const letters = ids.length === 1 ? "1 dead letter" : `${ids.length} dead letters`;
  if (!canAsk()) throw usage(`${cannotAskByFilter(letters)}. To go ahead: --yes`);
  const agreed = await ask(`${doing} ${letters}?`);
  if (!agreed) notice("Nothing was changed.");
  return agreed;
}

export function yesFlag() {
  return new Option("--yes", "with --filter: do not ask");
}

/** The filter; undefined where there are ids in its place. */
function choiceOf(given: readonly string[], { filter: line, dryRun }: ChoiceFlags): Filter | undefined {
  if (line === undefined) {
    if (dryRun) throw usage("--dry-run goes with --filter");
    if (given.length === 0)
      throw usage("Which letters? Give their ids, - to read ids from standard input, or --filter");
    return undefined;
  }
  if (given.length > 0) throw usage("--filter chooses the letters, so no ids are taken beside it");
  const filter = parseFilter(line);
  if (Object.keys(filter).length === 0)
    throw usage("An empty --filter would mean all letters. Say which, such as job:import-movie");
  return filter;
}

/** At most so many, and whether there are more; says so where there are none. */
async function idsThatFit(
  filter: Filter,
  flags: TargetFlags,
  atMost: number,
  closedToo: boolean,
): Promise<{ readonly ids: readonly string[]; readonly more: boolean }> {
  const saysStatus = closedToo || filter.status !== undefined || filter.not?.status !== undefined;
  const meant: Filter = saysStatus ? filter : { ...filter, status: "open" };
  const { withReader } = await import("./open-reader.ts");
  return await withReader(flags, async (reader) => {
    // A letter that dies again meanwhile can be on two pages.
    const ids = new Set<string>();
    for (let after: string | undefined; ;) {
      const page = await reader.list(meant, { limit: mostLetters, ...(after === undefined ? {} : { after }) });
      for (const { id } of page.letters) ids.add(id);
      after = page.next;
      if (ids.size > atMost || (ids.size === atMost && after !== undefined && page.complete))
        return { ids: [], more: true };
      if (after === undefined) break;
    }
    if (ids.size === 0) notice("No dead letters like that, so nothing was changed.");
    return { ids: [...ids], more: false };
  });
}
