import { Command, InvalidArgumentError, Option } from "@commander-js/extra-typings";
import type { Causes, CauseStory } from "../client/index.ts";
import type { IgnoreRule } from "../model/cause-command.ts";
import type { Duration } from "../model/duration.ts";
import { readMoment } from "../model/read-moment.ts";
import { oneLine } from "./cut.ts";
import { announceTarget } from "./open-client.ts";
import { type Output, outputFlag, print, printJson } from "./output-flag.ts";
import { durationArgument } from "./read-duration.ts";
import { positiveInteger } from "./read-number.ts";
import { type SignatureFlags, signatureOf, withSignature } from "./signature-flags.ts";
import { type TargetFlags, withTarget } from "./target-flags.ts";

/** What people say of a cause, a command each. */
export function changeCauseCommands() {
  return [resolve(), ignore(), reopen(), note(), assign(), rename()];
}

function resolve() {
  const command = new Command("resolve")
    .summary("Say that a cause is mended")
    .description(
      "Marks a cause as mended. Its letters stay: retry them. When it kills again, it is open again, marked as a regression, and pages whom new causes page. With --in-build, deaths in builds that were known before do not bring it back.",
    )
    .argument("<id>", idText)
    .option("--in-build <build>", "the build that mends it")
    .addOption(outputFlag())
    .addHelpText(
      "after",
      `
Examples:
  dlo causes resolve 79746de0 --reason "the date is checked now"
  dlo causes resolve 79746de0 --in-build v12`,
    );
  return withTarget(withSignature(command, "cause")).action(
    async (id, { inBuild, ...options }) =>
      await change(
        options,
        async (causes, signature) =>
          await causes.resolve(id, { ...signature, ...(inBuild === undefined ? {} : { inBuild }) }),
        ({ resolvedInBuild }) => (resolvedInBuild === null ? "is resolved" : `is resolved in build ${resolvedInBuild}`),
      ),
  );
}

function ignore() {
  const command = new Command("ignore")
    .summary("Say that a cause may go on killing for now")
    .description(
      "Puts a cause aside: until a time, until it has killed so many times more, or until it kills so often within a span; without any of these, until it is reopened. By its rule it wakes at a death, and is open again.",
    )
    .argument("<id>", idText)
    .addOption(
      new Option(
        "--until <time>",
        "until then: a span from now, or a time such as 2026-12-24T08:00Z (UTC, where it names no zone)",
      )
        .argParser(timeArgument)
        .conflicts(["deaths", "rate"]),
    )
    .addOption(
      new Option("--deaths <number>", "until it has killed so many times more")
        .argParser(positiveInteger(100_000))
        .conflicts("rate"),
    )
    .addOption(new Option("--rate <deaths/span>", "until it kills so often, such as 10/1h").argParser(rateArgument))
    .addOption(outputFlag())
    .addHelpText(
      "after",
      `
Examples:
  dlo causes ignore 79746de0 --until '2 days'
  dlo causes ignore 79746de0 --deaths 100
  dlo causes ignore 79746de0 --rate 10/1h --reason "the supplier is slow at night"`,
    );
  return withTarget(withSignature(command, "cause")).action(
    async (id, { until, deaths, rate, ...options }) =>
      await change(
        options,
        async (causes, signature) => {
          const rule: IgnoreRule =
            until !== undefined ? { until } : deaths !== undefined ? { deaths } : rate !== undefined ? { rate } : {};
          return await causes.ignore(id, { ...signature, ...rule });
        },
        (cause, rule) => `is ignored${rule(cause) || " until somebody reopens it"}`,
      ),
  );
}

function reopen() {
  const command = new Command("reopen")
    .summary("Say that a cause needs somebody again")
    .description("Opens a cause that was resolved or ignored, and takes the mark of a regression away.")
    .argument("<id>", idText)
    .addOption(outputFlag())
    .addHelpText("after", "\nExamples:\n  dlo causes reopen 79746de0 --reason 'it was not that'");
  return withTarget(withSignature(command, "cause")).action(
    async (id, options) =>
      await change(
        options,
        async (causes, signature) => await causes.reopen(id, signature),
        () => "is open",
      ),
  );
}

function note() {
  const command = new Command("note")
    .summary("Write what is known of a cause")
    .description(
      "Sets the note of a cause, in place of the one before, which stays in its story. An empty one takes it away.",
    )
    .argument("<id>", idText)
    .argument("<text>", "the note")
    .addOption(outputFlag())
    .addHelpText(
      "after",
      "\nExamples:\n  dlo causes note 79746de0 'dates of re-releases: ask the catalogue team' --by ann",
    );
  return withTarget(withSignature(command, "cause")).action(
    async (id, text, options) =>
      await change(
        options,
        async (causes, signature) => await causes.note(id, { text, ...signature }),
        ({ note: noted }) => (noted === null ? "has no note any more" : "is noted"),
      ),
  );
}

function assign() {
  const command = new Command("assign")
    .summary("Say who looks after a cause")
    .description(
      "Sets the owner of a cause: a person or a team, in your own words. An empty one takes it from everybody.",
    )
    .argument("<id>", idText)
    .argument("<who>", "the owner")
    .addOption(outputFlag())
    .addHelpText("after", "\nExamples:\n  dlo causes assign 79746de0 ann\n  dlo causes assign 79746de0 ''");
  return withTarget(withSignature(command, "cause")).action(
    async (id, who, options) =>
      await change(
        options,
        async (causes, signature) => await causes.assign(id, { owner: who === "" ? null : who, ...signature }),
        ({ owner }) => (owner === null ? "has no owner" : `is ${oneLine(owner)}'s`),
      ),
  );
}

function rename() {
  const command = new Command("rename")
    .summary("Give a cause a better title")
    .description("Sets the title of a cause. Deaths still find it by its fingerprint.")
    .argument("<id>", idText)
    .argument("<title>", "at most 200 characters")
    .addOption(outputFlag())
    .addHelpText("after", "\nExamples:\n  dlo causes rename 79746de0 'Release dates in the future'");
  return withTarget(withSignature(command, "cause")).action(
    async (id, title, options) =>
      await change(
        options,
        async (causes, signature) => await causes.rename(id, { title, ...signature }),
        () => "has that title now",
      ),
  );
}

const idText = "cause id, which may be shortened";

type ChangeFlags = TargetFlags & SignatureFlags & { readonly output: Output };

async function change(
  flags: ChangeFlags,
  command: (causes: Causes, signature: ReturnType<typeof signatureOf>) => Promise<CauseStory>,
  became: (cause: CauseStory, rule: (cause: CauseStory) => string) => string,
): Promise<void> {
  await announceTarget(flags);
  const [{ withReader }, { ignoreRuleInWords }] = await Promise.all([
    import("./open-reader.ts"),
    import("./cause-table.ts"),
  ]);
  const cause = await withReader(flags, async (reader) => await command(reader.causes, signatureOf(flags)));
  if (flags.output !== "table") return printJson(flags.output, cause);
  print(`"${oneLine(cause.title)}" ${became(cause, ignoreRuleInWords)}.`);
}

function timeArgument(text: string): Date | Duration {
  if (!/^\d{4}-\d\d-\d\d/.test(text)) return durationArgument(text);
  const moment = readMoment(text);
  if (moment !== undefined) return moment.from;
  throw new InvalidArgumentError("It takes a span such as '2 days', or a time such as 2026-12-24T08:00Z.");
}

function rateArgument(text: string): { deaths: number; within: Duration } {
  const [, deaths, within] = /^(\d{1,6})\/(.+)$/.exec(text) ?? [];
  if (deaths === undefined || within === undefined || Number(deaths) < 1)
    throw new InvalidArgumentError("It takes deaths and a span, such as 10/1h or '100/30 minutes'.");
  return { deaths: Number(deaths), within: durationArgument(/^\d/.test(within) ? within : `1 ${within}`) };
}
