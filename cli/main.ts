#!/usr/bin/env node
import { showOverview } from "./overview.ts";
import { program } from "./program.ts";
import { reportError } from "./report-error.ts";

// A reader that has seen enough (`dlo list | head`) is no failure.
process.stdout.on("error", (error: NodeJS.ErrnoException) => process.exit(error.code === "EPIPE" ? 0 : 1));

try {
  const isAlone = process.argv.length === 2 && process.stdout.isTTY;
  if (!isAlone || !(await showOverview())) await program().parseAsync();
} catch (error) {
  process.exitCode = reportError(error);
}
