import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";

/** The absolute path of a command, looked up in `PATH` as a shell does. */
export function findOnPath(command: string): string | undefined {
  const name = process.platform === "win32" ? `${command}.exe` : command;
  const folders = (process.env["PATH"] ?? "").split(delimiter).filter((folder) => folder !== "");
  return folders.map((folder) => join(folder, name)).find((path) => existsSync(path));
}
