import { InvalidArgumentError } from "@commander-js/extra-typings";

/** Reads a number that may have a fraction. */
export function decimal(text: string): number {
  if (/^\d{1,6}(\.\d{1,6})?$/.test(text)) return Number(text);
  throw new InvalidArgumentError("It takes a number, such as 10 or 0.5.");
}

/** Reads a share of the whole: `10%`, `0.1`, or `never`. */
export function shareOrNever(text: string): number | false {
  if (text === "never") return false;
  const [, number, sign] = /^(\d{1,3}(?:\.\d{1,6})?)(%?)$/.exec(text) ?? [];
  const share = number === undefined ? Number.NaN : sign === "%" ? Number(number) / 100 : Number(number);
  if (share >= 0 && share < 1) return share;
  throw new InvalidArgumentError("It takes a share such as 10%, or never.");
}

/** Reads a number of letters, or `never`. */
export function numberOrNever(text: string): number | false {
  if (text === "never") return false;
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text);
  throw new InvalidArgumentError("It takes a whole number from 1, or never.");
}
