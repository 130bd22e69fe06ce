import { Option } from "@commander-js/extra-typings";

export type Output = "table" | "json" | "jsonl";

export function outputFlag() {
  return new Option("-o, --output <format>", "for people, or for programs")
    .choices(["table", "json", "jsonl"] as const)
    .default("table" as const);
}

/** Writes data for programs to stdout: `json` indented, `jsonl` one value a line. */
export function printJson(output: "json" | "jsonl", value: unknown): void {
  if (output === "json") return print(JSON.stringify(value, null, 2));
  for (const item of Array.isArray(value) ? value : [value]) print(JSON.stringify(item));
}

export function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

/** For what is not data: progress, notices, what comes next. */
export function notice(text: string): void {
  process.stderr.write(`${text}\n`);
}
