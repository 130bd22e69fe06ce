import type { Redrive } from "../client/index.ts";
import { endedCount } from "../model/redrive-details.ts";
import { currentStep } from "../model/redrive-pace.ts";
import { bar } from "./bar.ts";
import { ownCommand } from "./own-command.ts";
import { outcomesText, painted } from "./redrive-words.ts";
import { absoluteTime } from "./relative-time.ts";
import { roughDuration } from "./rough-duration.ts";
import { shortId, shortList } from "./short-ids.ts";

/** How far it is, in three lines for the foot of a terminal. */
export function progressBlock(redrive: Redrive, perSecond: number | undefined, stream: NodeJS.WriteStream): string[] {
  const { counts, limits, status } = redrive;
  if (status === "preparing") return [`${painted(redrive, stream)}: its letters are being written down`];
  const far = `${endedCount(counts)} of ${counts.items}${leftText(redrive, perSecond)}`;
  const width = Math.max(10, Math.min(40, (stream.columns ?? 80) - far.length - 3));
  const filled = bar(endedCount(counts), counts.items, width);
  return [
    `${painted(redrive, stream)}  ${limits.rate} a second, ${counts.running} of at most ${limits.maxInFlight} under way${stepText(redrive)}`,
    `${filled.padEnd(width, "·")}  ${far}`,
    outcomesText(redrive, stream),
  ];
}

/** The same as one line of a log. */
export function progressLine(redrive: Redrive, perSecond: number | undefined): string {
  const { counts, status } = redrive;
  const far = `${endedCount(counts)} of ${counts.items}${leftText(redrive, perSecond)}${stepText(redrive)}`;
  return `${absoluteTime(new Date())}  ${status}  ${far}  ${outcomesText(redrive, process.stderr)}`;
}

/** How it ended, or stands: the balance. */
export function balanceText(redrive: Redrive): string {
  const { id, command, counts, stop, status } = redrive;
  const { items, waiting, running, recovered, diedAgain, done, refused, skipped } = counts;
  const parts = [
    [recovered, "recovered", command === "retry"],
    [diedAgain, "died again", false],
    [done, "done", command !== "retry"],
    [refused, "refused", false],
    [skipped, "skipped", false],
    [running, "running", false],
    [waiting, "waiting", false],
  ] as const;
  const sum = parts.filter(([n, , always]) => n > 0 || always).map(([n, what]) => `${n} ${what}`);
  const own = `${ownCommand} redrive`;
  return [
    `Redrive ${shortId(id)} ${painted(redrive)}: ${items} ${items === 1 ? "letter" : "letters"} = ${sum.join(" + ")}.`,
    ...(stop === null ? [] : [`Stopped: ${stop.why}.`, `Told by: ${shortList(stop.letters)}`]),
    ...(status === "stopped"
      ? [
          `To look at one: ${ownCommand} show ${shortId(stop?.letters[0] ?? "")}`,
          `To go on all the same: ${own} resume ${shortId(id)} · to end it: ${own} cancel ${shortId(id)}`,
        ]
      : []),
    ...(diedAgain + refused + skipped > 0 ? [`What became of each: ${own} show ${shortId(id)} --items`] : []),
  ].join("\n");
}

/** How fast it goes, and how long it takes at that speed. */
function leftText({ counts, limits, status }: Redrive, perSecond: number | undefined): string {
  if (status !== "running" || counts.waiting + counts.running === 0) return "";
  const known = perSecond !== undefined && perSecond > 0;
  // What was left out from the beginning, or came in a burst, says nothing of what is to come.
  const speed = known ? Math.min(perSecond, limits.rate) : limits.rate;
  const left = roughDuration(((counts.waiting + counts.running) / speed) * 1000);
  return known ? `, ${speed.toFixed(1)} a second, ${left} left` : `, at least ${left} left`;
}

/** The step of a canary or ramp that it is at. */
function stepText({ spec, counts, status, heldBy }: Redrive): string {
  if (heldBy !== null) return `, held: ${heldBy}`;
  const step = status === "running" ? currentStep(spec, counts) : undefined;
  return step === undefined || counts.waiting === 0 ? "" : ` · ${step.name}: the first ${step.upTo}`;
}
