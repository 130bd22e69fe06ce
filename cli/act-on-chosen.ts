import type { BulkCommand } from "../client/index.ts";
import { type Act, act, type ActFlags, type Words } from "./act.ts";
import { cannotAskByFilter, type ChoiceFlags, type Chosen, confirmChoice } from "./chosen-letters.ts";

export type ChosenWords = Words & {
  /** How it is asked for, such as `Move`. */
  readonly verb: string;
};

/** Several letters of a filter are a redrive with the command; others are taken one after the other. Both only once that is confirmed. */
export async function actOnChosen(
  chosen: Chosen,
  command: BulkCommand,
  flags: ActFlags & ChoiceFlags & { readonly yes?: true },
  { verb, ...words }: ChosenWords,
  one: Act,
): Promise<void> {
  if ("filter" in chosen) {
    const { redriveByFilter } = await import("./redrive-by-filter.ts");
    return await redriveByFilter(chosen.filter, command, flags, { doing: verb, cannotAsk: cannotAskByFilter });
  }
  if (await confirmChoice(verb, chosen.ids, flags)) await act(chosen.ids, flags, words, one);
}
