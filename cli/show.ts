import { Command } from "@commander-js/extra-typings";
import { configFlag } from "./config-flag.ts";
import { outputFlag, print, printJson } from "./output-flag.ts";
import type { ReadStory } from "./read-story.ts";
import { withTarget } from "./target-flags.ts";
import { uiFlag } from "./web-ui.ts";

export function showCommand() {
  const command = new Command("show")
    .summary("Tell the whole story of a dead letter")
    .description(
      "Shows what died and why: each death with its attempts, the chain of errors, the input, all that happened since and who did it, when it expires, and the links to Temporal Web UI.",
    )
    .argument("<id>", "letter id, which may be shortened, or the job's workflow id (its newest letter)")
    .addOption(outputFlag())
    .addOption(configFlag())
    .addOption(uiFlag())
    .addHelpText(
      "after",
      `
Examples:
  dlo show 0197a3b2-1c4d
  dlo show import-movie/1946 --ui https://temporal.example.com
  dlo show 0197a3b2-1c4d --output json | jq .payload`,
    );
  return withTarget(command).action(async (id, options) => {
    const { readStory } = await import("./read-story.ts");
    const story = await readStory(id, options);
    if (options.output !== "table") return printJson(options.output, storyJson(story));
    const { storyText } = await import("./story-text.ts");
    print(storyText(story));
  });
}

/** The letter's columns, and beside them what its other tables have. */
function storyJson({ letter, input, deaths, events, causeEvents, links }: ReadStory) {
  return {
    ...letter,
    ...(input.original === undefined ? {} : { originalPayload: input.original }),
    story: { deaths: deaths.map(({ attemptRows, ...death }) => ({ ...death, attemptRows })), events, causeEvents },
    links,
  };
}
