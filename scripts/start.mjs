// The main example: the embedded servers, a catalogue, and 3,201 movies imported as supervised jobs.
import { build } from "./build.mjs";
import { ensureInstalled } from "./ensure-installed.mjs";
import { run } from "./run.mjs";

await ensureInstalled();
const buildCode = await build();
if (buildCode !== 0) process.exit(buildCode);
const { code, interrupted } = await run(process.execPath, [
  "--import",
  "tsx",
  "examples/movies/main.ts",
  ...process.argv.slice(2),
]);
// Ctrl-C is how the example is meant to end; npm calls anything but 0 a failure.
process.exitCode = interrupted && code === 130 ? 0 : code;
