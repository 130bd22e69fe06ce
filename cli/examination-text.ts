import type { Examination } from "../setup/doctor.ts";
import { paint } from "./paint.ts";
import { table } from "./table.ts";

/** What the doctor found, for a person. */
export function examinationText({ checks, targets, defaults, ok }: Examination): string {
  const width = Math.max(...checks.map(({ what }) => what.length)) + 2;
  const found = checks.flatMap(({ what, ok: fine, detail, mend }) => {
    const mark = fine
      ? mend === undefined
        ? paint("green", "ok   ")
        : paint("yellow", "hint ")
      : paint("red", "wrong");
    const [first = "", ...rest] = detail.split("\n");
    const below = " ".repeat(7 + width);
    return [
      `${mark}  ${what.padEnd(width)}${first}`,
      ...rest.map((line) => below + line),
      ...(mend === undefined ? [] : [`${below}${paint("bold", "→")} ${mend}`]),
    ];
  });
  const wrongs = checks.filter((check) => !check.ok).length;
  return [
    found.join("\n"),
    table(
      ["TARGET", "VALUE", "FROM"],
      targets.map(({ what, value, from }) => [what, value, from]),
    ),
    table(
      ["DEFAULT", "VALUE", "FROM"],
      defaults.map(({ variable, value, from }) => [variable, value, from]),
    ),
    ok ? "All is well." : `${wrongs} ${wrongs === 1 ? "thing is" : "things are"} wrong.`,
  ].join("\n\n");
}
