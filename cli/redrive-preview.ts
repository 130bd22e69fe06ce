import type { RedrivePreview } from "../client/index.ts";
import { cut, oneLine } from "./cut.ts";
import { paint } from "./paint.ts";
import { policiesText } from "./policy-text.ts";
import { nameOf } from "./redrive-words.ts";
import { roughDuration } from "./rough-duration.ts";
import { shortIds, shortList } from "./short-ids.ts";
import { table } from "./table.ts";

/** For who finds that all letters were left out. */
export const forceHint =
  "They need a person (docs/jobs.md). Somebody has looked, and it is mended? To take them, too: --force";

/** @param how what is done to letters, such as `Retry`, and how many a second */
export function previewText(preview: RedrivePreview, how: { doing: string; rate: number | undefined }): string {
  const { takes, leavesOut, samples, policies } = preview;
  const { doing, rate = 10 } = how;
  const took = takes === 0 ? "" : `, which takes at least ${roughDuration((takes / rate) * 1000)}`;
  const lines = [`Would ${doing.toLowerCase()} ${takes} dead ${takes === 1 ? "letter" : "letters"}${took}.`];
  if (leavesOut.length > 0) {
    const out = leavesOut.reduce((sum, { letters }) => sum + letters, 0);
    lines.push("", `Leaves out ${out}:`);
    lines.push(
      table(
        ["LETTERS", "WHY", "SUCH AS"],
        leavesOut.map(({ letters, why, samples: some }) => [String(letters), oneLine(why), shortList(some)]),
      ),
    );
    if (leavesOut.some(({ code }) => code === "needs_person"))
      lines.push("To take those that need a person, too: --force");
  }
  if (policies !== undefined && takes > 0) lines.push("", policiesText(policies));
  const shown = policies === undefined ? samples.slice(0, 10) : [];
  if (shown.length > 0) {
    const short = shortIds(shown.map(({ letterId }) => letterId));
    lines.push("", `The first ${shown.length === 1 ? "one" : shown.length}:`);
    for (const { letterId, job, workflowId, errorType, errorMessage, amended, refused } of shown) {
      lines.push(
        `  ${short.get(letterId)}  ${nameOf({ job, workflowId })}: ${cut(oneLine(`${errorType}: ${errorMessage}`), 100)}`,
      );
      if (amended !== undefined) {
        lines.push(`    ${paint("red", `- ${cut(JSON.stringify(amended.before) ?? "nothing", 200)}`)}`);
        lines.push(`    ${paint("green", `+ ${cut(JSON.stringify(amended.after) ?? "nothing", 200)}`)}`);
      }
      if (refused !== undefined)
        lines.push(`    ${paint("yellow", `would be refused: ${cut(oneLine(refused), 300)}`)}`);
    }
  }
  return lines.join("\n");
}
