import { readFile } from "node:fs/promises";
import { officeErrorOf, usage } from "../model/office-error.ts";
import { readStdin } from "./read-stdin.ts";

/**
 * A job's input as it is given: JSON itself, `@file`, or `-` for standard input.
 *
 * @throws {OfficeError} `INPUT_INVALID` for what is no JSON, `USAGE` for a file that cannot be read
 */
export async function readInput(given: string): Promise<unknown> {
  if (given === "-") return parseInput(await readStdin("an input"), "Standard input");
  if (!given.startsWith("@")) return parseInput(given, "--input");
  const file = given.slice(1);
  let text;
  try {
    text = await readFile(file, "utf8");
  } catch (error) {
    throw usage(`The input's file ${file} cannot be read: ${error instanceof Error ? error.message : String(error)}`);
  }
  return parseInput(text, file);
}

export function parseInput(text: string, where: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    const hint =
      where === "--input"
        ? `. A text needs quotes of its own: --input '"text"'; a file needs @: --input @file.json`
        : "";
    throw officeErrorOf("INPUT_INVALID", `${where} is no JSON: ${why}${hint}`);
  }
}
