import { usage } from "../model/office-error.ts";
import { unknownWord } from "../model/suggest.ts";

const targetOptions = ["address", "namespace", "profile", "apiKey", "tls", "databaseUrl"];

/** @throws {OfficeError} `USAGE` with the nearest known option */
export function refuseUnknownOptions(options: object, known: readonly string[], what: string): void {
  const all = [...known, ...targetOptions];
  for (const key of Object.keys(options)) if (!all.includes(key)) throw usage(unknownWord(`${what} option`, key, all));
}
