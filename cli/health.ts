import { Command, Option } from "@commander-js/extra-typings";
import { healthGrades } from "../model/health.ts";
import { outputFlag, print, printJson } from "./output-flag.ts";
import { durationArgument } from "./read-duration.ts";
import { positiveInteger } from "./read-number.ts";
import { withTarget } from "./target-flags.ts";

export function healthCommand() {
  const command = new Command("health")
    .summary("Grade the office by its letters, for monitors and scripts")
    .description(
      "Counts the letters that died lately and that nobody has retried, closed or ignored since: healthy, degraded or unhealthy, as /health of an office says it. Reads Postgres alone, and all namespaces unless --namespace names one. Exit code 1 from the grade of --fail-on on, or where Postgres does not answer; otherwise 0.",
    )
    .option("--window <span>", "how long ago a recent death may be (default: 1 hour)", durationArgument)
    .option("--degraded <letters>", "degraded from so many recent letters on (default: 1)", positiveInteger(1e9))
    .option("--unhealthy <letters>", "unhealthy from so many recent letters on (default: 10)", positiveInteger(1e9))
    .option("--oldest <span>", "degraded where an open letter has waited for longer", durationArgument)
    .addOption(
      new Option("--fail-on <grade>", "exit code 1 from this grade on")
        .choices(["degraded", "unhealthy"] as const)
        .default("unhealthy" as const),
    )
    .addOption(outputFlag())
    .option("--config <file>", "take the limits from this configuration's health; flags win")
    .addHelpText(
      "after",
      `
Examples:
  dlo health
  dlo health --fail-on degraded --window "15 minutes"
  dlo health --config office.config.ts --namespace orders
  dlo health --output json | jq .deadLetters`,
    );
  return withTarget(command).action(async (options) => {
    const [{ gradeHere }, { healthText }] = await Promise.all([import("./grade-here.ts"), import("./health-text.ts")]);
    const health = await gradeHere(options);
    if (options.output === "table") print(healthText(health));
    else printJson(options.output, health);
    if (healthGrades.indexOf(health.status) >= healthGrades.indexOf(options.failOn)) process.exitCode = 1;
  });
}
