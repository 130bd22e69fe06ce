import { InvalidArgumentError } from "@commander-js/extra-typings";
import type { ItemState } from "../client/index.ts";
import { unknownWord } from "../model/suggest.ts";

/** Reads what may have come of a letter in a redrive, with commas between; the flag may be repeated. */
export function outcomesOf(known: readonly ItemState[]): (text: string, before?: readonly ItemState[]) => ItemState[] {
  return (text, before = []) => {
    const words = text.split(",").map((word) => word.trim());
    for (const word of words)
      if (!(known as readonly string[]).includes(word))
        throw new InvalidArgumentError(unknownWord("outcome", word, known));
    return [...before, ...(words as ItemState[])];
  };
}
