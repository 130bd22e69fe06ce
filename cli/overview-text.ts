import type { Cause } from "../client/index.ts";
import { causeTable, shortCauseIds } from "./cause-table.ts";
import { ownCommand } from "./own-command.ts";
import { paint } from "./paint.ts";
import { relativeTime } from "./relative-time.ts";
import { shortId } from "./short-ids.ts";
import { pairs } from "./table.ts";

export type Overview = {
  readonly namespace: string;
  readonly open: number;
  /** How many causes the open letters have. */
  readonly causes: number;
  readonly oldestAt: Date | null;
  /** Those with the most open letters. */
  readonly top: readonly Cause[];
};

/** @param columns of the terminal */
export function overviewText({ namespace, open, causes, oldestAt, top }: Overview, columns: number): string {
  if (open === 0) return `${paint("green", "No dead letters are open")} in namespace ${namespace}.`;
  const letters = open === 1 ? "1 dead letter is open" : `${open} dead letters are open`;
  const of = causes === 1 ? "1 cause" : `${causes} causes`;
  const oldest = oldestAt === null ? "" : ` The oldest died ${relativeTime(oldestAt)}.`;
  return [
    `${paint("bold", letters)} in namespace ${namespace}, of ${of}.${oldest}`,
    causeTable(top, columns),
    ...(causes > top.length ? [`… and ${causes - top.length} more: ${ownCommand} causes`] : []),
    pairs(nextCommands(top)),
  ].join("\n\n");
}

function nextCommands(top: readonly Cause[]): (readonly [string, string])[] {
  const [first] = top;
  const commands: (readonly [string, string])[] = [];
  if (first !== undefined) {
    const cause = shortCauseIds(top.map(({ id }) => id)).get(first.id) ?? first.id;
    commands.push([`${ownCommand} causes show ${cause}`, "the cause with the most of them"]);
    if (first.open > 1)
      commands.push([`${ownCommand} redrive cause:${cause} --dry-run`, "what retrying all of these would do"]);
    if (first.sampleLetterId !== null) {
      const letter = shortId(first.sampleLetterId);
      commands.push([`${ownCommand} show ${letter}`, "the whole story of its newest letter"]);
      commands.push([`${ownCommand} retry ${letter}`, "run that job again"]);
    }
  }
  return [...commands, [`${ownCommand} list --status parked`, "all that wait"]];
}
