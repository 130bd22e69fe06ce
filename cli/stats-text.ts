import type { HoursOfDay, Ranked, RankedRow, Spread, Stats, Timed, TimeRow } from "../client/index.ts";
import { bar } from "./bar.ts";
import { cut, oneLine } from "./cut.ts";
import { paint } from "./paint.ts";
import { relativeTime, tookTime } from "./relative-time.ts";
import { sparkline } from "./sparkline.ts";
import { pairs, table } from "./table.ts";

/** @param columns the terminal's width. Absent: there is none */
export function statsText(
  { numbers, hours, rankings }: { numbers: Stats; hours: Timed; rankings: readonly Ranked[] },
  columns: number | undefined,
): string {
  const parts = [pairs(tiles(numbers, columns))];
  if (hours.total > 0) parts.push(recentHours(hours));
  for (const ranked of rankings) {
    if (ranked.rows.length === 0) continue;
    parts.push(`${paint("bold", `Deaths by ${ranked.by}`)}, ${windowText(ranked)}\n${rankedTable(ranked, columns)}`);
  }
  return parts.join("\n\n");
}

/** A ranking as a table with bars. */
export function rankedText(ranked: Ranked, columns: number | undefined): string {
  if (ranked.rows.length === 0) return nothing(ranked);
  const what = ranked.by === "any-error" ? "failed attempts" : "deaths";
  const others =
    ranked.others > 0 ? `\n${number(ranked.others)} more: --limit ${ranked.rows.length + ranked.others}` : "";
  return `${rankedTable(ranked, columns)}${others}\n${paint("dim", `${number(ranked.total)} ${what}, ${windowText(ranked)}`)}`;
}

/** Deaths along the time as a table with bars. */
export function timedText(timed: Timed, columns: number | undefined): string {
  if (timed.total === 0) return nothing(timed);
  const offsets = new Set(timed.rows.map(({ local }) => local.slice(19)));
  return barTable(
    { hour: "HOUR", day: "DAY", week: "WEEK OF" }[timed.by],
    timed.rows.map((row) => [periodName(timed.by, row, offsets.size > 1), row.n]),
    timed,
    columns,
  );
}

export function hoursText(hours: HoursOfDay, columns: number | undefined): string {
  if (hours.total === 0) return nothing(hours);
  return barTable(
    "HOUR",
    hours.rows.map(({ hour, n }) => [`${String(hour).padStart(2, "0")}:00`, n]),
    hours,
    columns,
  );
}

const widthWithoutTerminal = 100;
const longestBar = 40;
const shortestBar = 4;
const gap = 2;

function tiles(stats: Stats, columns = widthWithoutTerminal): [string, string][] {
  const { total, open, notRetried, byStatus, recoveredShare, attemptsPerDeath, oldestOpen, growthPerHour } = stats;
  const more = growthPerHour > 0 ? `${number(growthPerHour)} more` : `${number(-growthPerHour)} fewer`;
  const lines: [string, string][] = [
    ["letters", number(total)],
    [
      "open",
      `${number(open)}${open === 0 ? "" : ` (${number(notRetried)} not retried, ${number(byStatus.retrying)} retrying)`}`,
    ],
    ["died", `${number(stats.today)} today, ${number(stats.thisWeek)} this week`],
    ["last hour", growthPerHour === 0 ? "as many letters as before" : `${more} open letters`],
    ["recovered", recoveredShare === null ? "none closed yet" : `${percent(recoveredShare)} of closed letters`],
    ["attempts", attemptsPerDeath === null ? "-" : `${attemptsPerDeath.toFixed(1)} a death`],
    ["first look", spreadText(stats.timeToFirstLook)],
    ["recovery", spreadText(stats.timeToRecovery)],
    ["oldest open", oldestOpen === null ? "-" : `${relativeTime(oldestOpen.failedAt)}, ${oldestOpen.id}`],
  ];
  return lines.map(([name, value]) => [name, cut(value, Math.max(20, columns - 13))]);
}

function spreadText({ medianMs, p95Ms, letters, exact }: Spread): string {
  if (medianMs === null || p95Ms === null) return "-";
  const of = exact ? `of ${number(letters)}` : `of the newest ${number(letters)}`;
  return `${tookTime(Math.round(medianMs))} median, ${tookTime(Math.round(p95Ms))} p95 (${of})`;
}

function recentHours({ rows }: Timed): string {
  const most = rows.reduce((best, row) => (row.n > best.n ? row : best));
  const line = sparkline(rows.map(({ n }) => n));
  return `${paint("bold", "Deaths an hour")}, last ${rows.length} hours\n${line}  most: ${number(most.n)} at ${most.local.slice(11, 16)}`;
}

function rankedTable(ranked: Ranked, columns = widthWithoutTerminal): string {
  const largest = Math.max(...ranked.rows.map(({ n }) => n));
  const attempts = ranked.by === "any-error";
  const amounts: readonly Amount[] = [
    { title: attempts ? "ATTEMPTS" : "DEATHS", of: ({ n }) => number(n) },
    { title: "SHARE", of: ({ share }) => percent(share) },
    ...(attempts
      ? []
      : [
          { title: "LETTERS", of: ({ letters = 0 }: RankedRow) => number(letters) },
          { title: "OPEN", of: ({ open = 0 }: RankedRow) => number(open) },
          { title: "RECOVERED", of: ({ recovered = 0 }: RankedRow) => number(recovered) },
        ]),
  ];
  const names = ranked.rows.map((row) => cut(oneLine(nameOf(row)), longestName));
  let shown = amounts;
  const room = () => columns - shown.reduce((sum, amount) => sum + widthOf(amount, ranked.rows) + gap, 0);
  for (const title of dispensable) if (room() < shortestName + gap) shown = shown.filter((one) => one.title !== title);
  const nameWidth = Math.max(
    shortestName,
    Math.min(room() - gap, Math.max(...names.map(({ length }) => length), ranked.by.length)),
  );
  const barWidth = Math.min(longestBar / 2, room() - nameWidth - gap - 1);
  return table(
    [ranked.by.toUpperCase(), ...shown.map((amount) => amount.title.padStart(widthOf(amount, ranked.rows))), ""],
    ranked.rows.map((row, i) => [
      cut(names[i] ?? "", nameWidth),
      ...shown.map((amount) => amount.of(row).padStart(widthOf(amount, ranked.rows))),
      barWidth < shortestBar ? "" : paint("cyan", bar(row.n, largest, barWidth)),
    ]),
  );
}

type Amount = { readonly title: string; readonly of: (row: RankedRow) => string };

/** What a narrow terminal does without, first things first. */
const dispensable = ["RECOVERED", "LETTERS", "SHARE", "OPEN"];
const longestName = 60;
const shortestName = 16;

function widthOf({ title, of }: Amount, rows: readonly RankedRow[]): number {
  return Math.max(title.length, ...rows.map((row) => of(row).length));
}

/** Causes by their title, behind what names them to other commands. */
function nameOf({ value, title }: RankedRow): string {
  return title === undefined ? value : `${value.slice(0, 8)} ${title}`;
}

function barTable(
  head: string,
  rows: readonly (readonly [string, number])[],
  answer: Timed | HoursOfDay,
  columns = widthWithoutTerminal,
): string {
  const largest = Math.max(...rows.map(([, n]) => n));
  const nameWidth = Math.max(head.length, ...rows.map(([name]) => name.length));
  const numberWidth = Math.max("DEATHS".length, number(largest).length);
  const barWidth = Math.min(longestBar, columns - nameWidth - numberWidth - 2 * gap - 1);
  const shown = table(
    [head, "DEATHS".padStart(numberWidth), ""],
    rows.map(([name, n]) => [
      name,
      number(n).padStart(numberWidth),
      barWidth < shortestBar ? "" : paint("cyan", bar(n, largest, barWidth)),
    ]),
  );
  return `${shown}\n${paint("dim", `${number(answer.total)} deaths, ${answer.timeZone}`)}`;
}

/** An hour that the clocks show twice needs its offset to be told from the other. */
function periodName(unit: Timed["by"], { local }: TimeRow, withOffset: boolean): string {
  const day = local.slice(0, 10);
  const weekday = new Date(`${day}T00:00:00Z`).toLocaleDateString("en-US", { weekday: "short", timeZone: "UTC" });
  if (unit === "week") return day;
  if (unit === "day") return `${day} ${weekday}`;
  return `${day} ${weekday} ${local.slice(11, 16)}${withOffset ? ` ${local.slice(19)}` : ""}`;
}

function windowText({ since, until }: { readonly since: Date; readonly until: Date }): string {
  const minute = (at: Date) => at.toISOString().slice(0, 16).replace("T", " ");
  return `${minute(since)} to ${minute(until)} UTC`;
}

function nothing(answer: { readonly since: Date; readonly until: Date }): string {
  return `Nothing like that died, ${windowText(answer)}.`;
}

function number(n: number): string {
  return n.toLocaleString("en-US");
}

function percent(share: number): string {
  return `${(share * 100).toFixed(1)}%`;
}
