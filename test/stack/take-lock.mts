import { appendFileSync } from "node:fs";
import { setImmediate as nextTurn } from "node:timers/promises";
import { takeLock } from "../../stack/folder-lock.ts";

const [folder, journal] = process.argv.slice(2) as [string, string];
const takes = 25;

// `+pid` and `-pid` around each hold: in the journal they must come in pairs. Every last hold ends by dying with the lock.
for (let taken = 0; taken < takes;) {
  const lock = await takeLock(folder);
  if ("heldBy" in lock) {
    await nextTurn();
    continue;
  }
  taken++;
  appendFileSync(journal, `+${process.pid}\n`);
  await nextTurn();
  appendFileSync(journal, `-${process.pid}\n`);
  if (taken === takes) process.kill(process.pid, "SIGKILL");
  await lock.release();
}
