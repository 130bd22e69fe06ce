import { InvalidArgumentError } from "@commander-js/extra-typings";

/** Reads an option that counts something, from 1 on. */
export function positiveInteger(maximum: number): (text: string) => number {
  return (text) => {
    const number = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
    if (number >= 1 && number <= maximum) return number;
    throw new InvalidArgumentError(`It takes a whole number from 1 to ${maximum}.`);
  };
}

/** Reads a port; 0 is any free one. */
export function port(text: string): number {
  if (/^\d{1,5}$/.test(text) && Number(text) <= 65_535) return Number(text);
  throw new InvalidArgumentError("It takes a port, from 0 (any free one) to 65535.");
}
