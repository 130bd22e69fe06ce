import type { Cause } from "../client/index.ts";
import { formatDuration } from "../model/duration.ts";
import { cut, oneLine } from "./cut.ts";
import { paint } from "./paint.ts";
import { briefTime } from "./relative-time.ts";
import { sparkline } from "./sparkline.ts";
import { table } from "./table.ts";

/** @param columns the terminal's width: titles are cut to it, and where they would have no room, columns are left out. Absent: titles are whole */
export function causeTable(causes: readonly Cause[], columns: number | undefined): string {
  const short = shortCauseIds(causes.map(({ id }) => id));
  const cells = causes.map((cause) => ({
    id: short.get(cause.id) ?? cause.id,
    cause: oneLine(cause.title),
    open: String(cause.open),
    deaths: String(cause.deaths),
    trend: sparkline(cause.trend),
    jobs: jobsInWords(cause, 24),
    last: briefTime(cause.lastSeenAt),
    state: stateInWords(cause),
    paint: (text: string) => paintState(cause, text),
    owner: cut(oneLine(cause.owner ?? "-"), 20),
  }));
  const widthOf = (column: Column) => Math.max(heads[column].length, ...cells.map((cell) => cell[column].length)) + gap;
  let shown = Object.keys(heads) as Column[];
  const room = () =>
    columns === undefined
      ? Infinity
      : columns - shown.reduce((sum, column) => sum + (column === "cause" ? 0 : widthOf(column)), 0);
  for (const column of dispensable) if (room() < shortestTitle) shown = shown.filter((one) => one !== column);
  const titleLength = Math.max(room(), shortestTitle);
  return table(
    shown.map((column) => heads[column]),
    cells.map((cell) =>
      shown.map((column) => {
        if (column === "cause") return cut(cell.cause, titleLength);
        return column === "state" ? cell.paint(cell.state) : cell[column];
      }),
    ),
  );
}

/** As far as they tell these causes apart: ids of causes are random from the first digit on. */
export function shortCauseIds(ids: readonly string[]): ReadonlyMap<string, string> {
  const distinct = [...new Set(ids)];
  const length =
    [8, 13, 18, 23].find((digits) => new Set(distinct.map((id) => id.slice(0, digits))).size === distinct.length) ?? 36;
  return new Map(distinct.map((id) => [id, id.slice(0, length)]));
}

/** `regression`, `open`, `resolved in v12`, `ignored until in 2d`. */
export function stateInWords(cause: Cause): string {
  switch (cause.state) {
    case "open":
      if (cause.returned === "regression") return "regression";
      return cause.returned === null ? "open" : "woken";
    case "resolved":
      return cause.resolvedInBuild === null ? "resolved" : `resolved in ${cut(oneLine(cause.resolvedInBuild), 20)}`;
    case "ignored":
      return `ignored${ignoreRuleInWords(cause)}`;
  }
}

/** ` until in 2d`, ` for 10 more deaths`, ` below 10 in 1 hour`; nothing where no rule wakes it. */
export function ignoreRuleInWords({ ignoredUntil, ignoredDeaths, ignoredRateMs }: Cause): string {
  if (ignoredUntil !== null) return ` until ${briefTime(ignoredUntil)}`;
  if (ignoredDeaths === null) return "";
  return ignoredRateMs === null
    ? ` for ${ignoredDeaths} deaths`
    : ` below ${ignoredDeaths} in ${formatDuration(ignoredRateMs)}`;
}

export function paintState({ state, returned }: Cause, text: string): string {
  switch (state) {
    case "open":
      return paint(returned === null ? "yellow" : "red", text);
    case "resolved":
      return paint("green", text);
    case "ignored":
      return paint("dim", text);
  }
}

function jobsInWords({ jobs }: Cause, longest: number): string {
  const [first, ...others] = jobs.map(({ job }) => oneLine(job));
  if (first === undefined) return "-";
  return others.length === 0 ? cut(first, longest) : `${cut(first, longest - 3)} +${others.length}`;
}

const heads = {
  id: "ID",
  cause: "CAUSE",
  open: "OPEN",
  deaths: "DEATHS",
  trend: "LAST 24 HOURS",
  jobs: "JOBS",
  last: "LAST SEEN",
  state: "STATE",
  owner: "OWNER",
} as const;

type Column = keyof typeof heads;

/** What a narrow terminal does without, first things first. */
const dispensable: readonly Column[] = ["owner", "jobs", "trend", "deaths", "last"];

const gap = 2;
const shortestTitle = 30;
