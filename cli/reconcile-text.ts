import type { Finding, Reconciled } from "../client/index.ts";
import { foundInAll } from "../model/reconcile.ts";
import { cut, oneLine } from "./cut.ts";
import { paint } from "./paint.ts";
import { said } from "./prune-text.ts";
import { table } from "./table.ts";

/** What was found, how much of it was mended, and each thing by itself. */
export function reconciledText(reconciled: Reconciled): string {
  const { dryRun, items, mended, runs, letters } = reconciled;
  const found = foundInAll(reconciled);
  const looked = `Looked at ${said(letters, "open letter")} and ${said(runs, "run")} of jobs.`;
  if (found === 0) return `${looked} Nothing is amiss.`;
  const left = found - mended;
  return [
    `${looked} ${paint("bold", foundText(reconciled))}.`,
    "",
    table(
      ["JOB ID", "WHAT", "LETTER", dryRun ? "" : "MENDED"],
      items.map((item) => [
        cut(oneLine(item.workflowId), 60),
        cut(oneLine(item.said), 80),
        item.letterId ?? "-",
        dryRun ? "" : item.mended ? "yes" : paint("red", "no"),
      ]),
    ),
    ...(found > items.length ? [`and ${said(found - items.length, "more", "more")}`] : []),
    "",
    dryRun
      ? "Nothing was changed. To mend it: the same without --dry-run"
      : left === 0
        ? `Mended all of it. To see that: dlo reconcile --dry-run`
        : `${said(left, "thing")} could not be mended: run it again, and if they stay, look at them.`,
  ].join("\n");
}

/** What was found, by what it is: `Found 2 jobs without a letter, 1 letter without its workflow`. */
export function foundText({ found }: Pick<Reconciled, "found">): string {
  const parts = Object.entries(found).map(
    ([finding, n]) => `${n.toLocaleString("en-US")} ${words[finding as Finding]}`,
  );
  return `Found ${parts.join(", ")}`;
}

const words: Readonly<Record<Finding, string>> = {
  lost: "terminated without a letter",
  timed_out: "timed out without a letter",
  unrecorded: "dead and not recorded",
  undecodable: "that cannot begin",
  no_workflow: "without their workflow",
  no_row: "without their row",
  differs: "that differ",
  succeeded: "that have succeeded since",
};
