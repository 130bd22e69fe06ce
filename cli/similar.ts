import { Command } from "@commander-js/extra-typings";
import type { SimilarLetters } from "../client/index.ts";
import { configFlag } from "./config-flag.ts";
import { loadConfig } from "./load-config.ts";
import { withReader } from "./open-reader.ts";
import { outputFlag, print, printJson } from "./output-flag.ts";
import { positiveInteger } from "./read-number.ts";
import { withTarget } from "./target-flags.ts";

export function similarCommand() {
  const command = new Command("similar")
    .summary("Show letters like this one, and what differs in their inputs")
    .description(
      "Shows other letters of the same cause, then of the same job with the same type of error, open and closed, the newest failure first. What their inputs have alike is said once, what differs side by side; and where those that recovered are alike, and this one is not.",
    )
    .argument("<id>", "letter id, which may be shortened, or the job's workflow id (its newest letter)")
    .option("--limit <letters>", "at most so many others, up to 100", positiveInteger(100), 10)
    .addOption(outputFlag())
    .addOption(configFlag())
    .addHelpText(
      "after",
      `
Examples:
  dlo similar 0197a3b2-1c4d
  dlo similar import-movie/1946 --limit 30
  dlo similar 0197a3b2-1c4d --output json | jq -r '.others[].id' | dlo note - "the same as 0197a3b2"`,
    );
  return withTarget(command).action(async (id, { limit, output, config, ...flags }) => {
    const { codec, redact = [] } = (await loadConfig(config))?.config ?? {};
    const similar = await withReader(
      flags,
      async (reader) => await reader.similar(id, { limit, redact, ...(codec === undefined ? {} : { codec }) }),
    );
    if (output !== "table") return printJson(output, similarJson(similar));
    const { similarText } = await import("./similar-text.ts");
    print(similarText(similar, process.stdout.isTTY ? process.stdout.columns : undefined));
  });
}

/** Letters by their columns, with the payload that was compared, or why there was none. */
function similarJson({ letter, input, others, ...rest }: SimilarLetters) {
  return {
    letter: { ...letter, ...input },
    others: others.map((other) => ({ ...other.letter, likeness: other.likeness, ...other.input })),
    ...rest,
  };
}
