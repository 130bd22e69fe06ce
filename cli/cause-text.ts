import type { CauseStory } from "../client/index.ts";
import { cut, harmless, oneLine } from "./cut.ts";
import { ignoreRuleInWords, paintState, shortCauseIds, stateInWords } from "./cause-table.ts";
import { eventLine } from "./event-line.ts";
import { ownCommand } from "./own-command.ts";
import { paint } from "./paint.ts";
import { absoluteTime, bothTimes, relativeTime } from "./relative-time.ts";
import { shortId } from "./short-ids.ts";
import { sparkline } from "./sparkline.ts";
import { pairs, table } from "./table.ts";

/** All that is known of a cause, for a person: what it is and how it goes, where it happens, what people did, what to do next. */
export function causeText(cause: CauseStory): string {
  const sections = [
    [`${paint("bold", oneLine(cause.title))} is ${paintState(cause, stateInWords(cause))}`, "", facts(cause)].join(
      "\n",
    ),
    section("Jobs", cause.jobs.length === 0 ? "  none has letters of it here" : jobTable(cause)),
    section("Builds", buildTable(cause)),
    ...(cause.note === null ? [] : [section("Note", indent(harmless(cause.note)))]),
    section(
      "What happened to it",
      cause.events.length === 0 ? "  nothing yet" : cause.events.map((event) => `  ${eventLine(event)}`).join("\n"),
    ),
    section("Next", nextCommands(cause)),
  ];
  return sections.join("\n\n");
}

function section(title: string, text: string): string {
  return `${paint("bold", title)}\n${text}`;
}

function indent(text: string): string {
  return text
    .split("\n")
    .map((line) => `  ${line}`)
    .join("\n");
}

function facts(cause: CauseStory): string {
  const { trend } = cause;
  const dead = trend.reduce((sum, n) => sum + n, 0);
  const rows: (readonly [string, string | undefined])[] = [
    ["Cause", cause.id],
    ["State", stateLine(cause)],
    ["Owner", cause.owner === null ? undefined : oneLine(cause.owner)],
    ["Letters", `${cause.open} open, ${cause.letters} in all`],
    ["Deaths", String(cause.deaths)],
    ["Last 24 hours", `${sparkline(trend)}  ${dead} deaths`],
    ["First seen", bothTimes(cause.firstSeenAt)],
    ["Last seen", bothTimes(cause.lastSeenAt)],
    ["Error", oneLine(cause.errorType)],
    [
      "Grouped by",
      cause.rule === null ? `the built-in fingerprint ${cause.fingerprint}` : `the rule "${oneLine(cause.rule)}"`,
    ],
    ["Newest letter", cause.sampleLetterId ?? undefined],
  ];
  return pairs(rows.flatMap(([name, value]) => (value === undefined ? [] : [[name, value] as const])));
}

function stateLine(cause: CauseStory): string {
  const { state, stateAt, stateBy, stateReason, returned, returnedAt, resolvedInBuild } = cause;
  if (returned !== null && returnedAt !== null) {
    const why = {
      regression: "a regression: it was resolved, and killed again",
      time: "it was ignored for a time that has passed, and killed again",
      deaths: "it was ignored, and has killed as often as that allowed",
      rate: "it was ignored, and kills more often than that allowed",
    }[returned];
    return `open again since ${bothTimes(returnedAt)}: ${why}`;
  }
  const who = stateBy === null ? "" : ` by ${oneLine(stateBy)}`;
  const when = stateAt === null ? "" : ` ${relativeTime(stateAt)}`;
  const how =
    state === "ignored"
      ? ignoreRuleInWords(cause)
      : resolvedInBuild === null
        ? ""
        : ` in build ${oneLine(resolvedInBuild)}`;
  const why = stateReason === null ? "" : `: ${cut(oneLine(stateReason), 300)}`;
  return `${state}${how}${who}${when}${why}`;
}

function jobTable({ jobs }: CauseStory): string {
  return indent(
    table(
      ["JOB", "OPEN", "LETTERS"],
      jobs.map(({ job, open, letters }) => [cut(oneLine(job), 60), String(open), String(letters)]),
    ),
  );
}

function buildTable({ builds }: CauseStory): string {
  if (builds.length === 0) return "  none";
  return indent(
    table(
      ["BUILD", "DEATHS", "FIRST", "LAST"],
      builds.map(({ build, deaths, firstAt, lastAt }) => [
        build === null ? "not said by the worker" : cut(oneLine(build), 60),
        String(deaths),
        absoluteTime(firstAt),
        absoluteTime(lastAt),
      ]),
    ),
  );
}

function nextCommands({ id, state, sampleLetterId, open }: CauseStory): string {
  const short = shortCauseIds([id]).get(id) ?? id;
  const lines: (readonly [string, string])[] = [
    ...(sampleLetterId === null ? [] : [[`show ${shortId(sampleLetterId)}`, "its newest letter"] as const]),
    ...(open === 0 ? [] : [[`list cause:${short} status:open`, "the open letters"] as const]),
    ...(open === 0 ? [] : [[`redrive cause:${short} --dry-run`, "what retrying them would do"] as const]),
    ...(state === "resolved"
      ? []
      : [[`causes resolve ${short} --in-build <build>`, "mended; it says so when it returns"] as const]),
    ...(state === "open"
      ? [[`causes ignore ${short} --until '2 days'`, "not now"] as const]
      : [[`causes reopen ${short}`, "it needs somebody after all"] as const]),
    [`causes assign ${short} <who>`, "who looks after it"],
  ];
  const width = Math.max(...lines.map(([command]) => command.length));
  return lines.map(([command, what]) => `  ${ownCommand} ${command.padEnd(width)}  ${paint("dim", what)}`).join("\n");
}
