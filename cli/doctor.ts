import { Command } from "@commander-js/extra-typings";
import { configFlag } from "./config-flag.ts";
import { outputFlag, print, printJson } from "./output-flag.ts";
import { withTarget } from "./target-flags.ts";

export function doctorCommand() {
  const command = new Command("doctor")
    .summary("Check that everything is in place")
    .description(
      "Looks at Temporal, the namespace, the database, its migrations, the office, the workers, the deaths that wait to be recorded and the hooks; prints each default and where it came from. Says how to mend what is wrong. Changes nothing. Exit code 1 if anything is wrong.",
    )
    .addOption(outputFlag())
    .addOption(configFlag())
    .addHelpText(
      "after",
      `
Examples:
  dlo doctor
  dlo doctor --address temporal.example.com:7233 --namespace orders
  dlo doctor --output json | jq '.checks[] | select(.ok | not)'`,
    );
  return withTarget(command).action(async (options) => {
    const { examineHere } = await import("./examine-here.ts");
    const examination = await examineHere(options);
    if (options.output === "table") {
      const { examinationText } = await import("./examination-text.ts");
      print(examinationText(examination));
    } else printJson(options.output, options.output === "jsonl" ? examination.checks : examination);
    if (!examination.ok) process.exitCode = 1;
  });
}
