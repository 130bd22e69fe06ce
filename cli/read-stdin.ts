import { text } from "node:stream/consumers";
import { usage } from "../model/office-error.ts";

/** @param what is read, for who forgot the pipe */
export async function readStdin(what: string): Promise<string> {
  if (process.stdin.isTTY) throw usage(`- reads ${what} from a pipe, and standard input is a terminal`);
  return await text(process.stdin);
}
