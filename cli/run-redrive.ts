import type { Dlo, Redrive, RedrivePreview } from "../client/index.ts";
import { usage } from "../model/office-error.ts";
import { ask, canAsk } from "./confirm.ts";
import { followRedrive, howToFollow } from "./follow-redrive.ts";
import type { OfficeFlag } from "./office-flag.ts";
import { actingClient } from "./open-client.ts";
import { notice, type Output, print, printJson } from "./output-flag.ts";
import { policiesText } from "./policy-text.ts";
import type { Redriving } from "./read-redrive-flags.ts";
import { forceHint, previewText } from "./redrive-preview.ts";
import type { TargetFlags } from "./target-flags.ts";

export type RunRedriveFlags = TargetFlags &
  OfficeFlag & {
    readonly dryRun?: true;
    readonly detach?: true;
    readonly yes?: true;
    readonly output: Output;
    readonly config?: string;
  };

export type RedriveWords = {
  /** What is done to letters: `Retry`, `Note it on`. */
  readonly doing: string;
  /** What the question has to say of it. */
  readonly how?: string;
  /** Why it does not go ahead where nobody can be asked and --yes is missing. */
  readonly cannotAsk: (letters: string) => string;
};

/**
 * Starts a redrive, or says what it would do, and follows it. It asks first.
 *
 * @throws {OfficeError} `USAGE` where nobody can be asked and --yes is missing
 */
export async function runRedrive(
  { which, options: given }: Redriving,
  flags: RunRedriveFlags,
  words: RedriveWords,
): Promise<void> {
  await actingClient(flags, async (dlo, office) => {
    const options = { ...given, office };
    if (flags.dryRun) {
      const preview = await look(dlo, { which, options });
      if (flags.output !== "table") return printJson(flags.output, preview);
      print(previewText(preview, { doing: words.doing, rate: options.rate }));
      return notice("Nothing was changed. To do it: the same without --dry-run");
    }
    if (!flags.yes && !(await isAgreed(dlo, { which, options }, words))) return;
    const redrive = await dlo.redrives.start(which, options);
    if (flags.detach) return sayBegun(redrive, flags.output);
    notice(`Redrive ${redrive.id}. Ctrl-C leaves it running.`);
    await followRedrive(dlo, redrive.id, flags.output);
  });
}

/** Under an id of its own: what a request's id once found would be found again. */
async function look(dlo: Dlo, { which, options: { id: _, ...options } }: Redriving): Promise<RedrivePreview> {
  const waiting = setTimeout(() => notice("The office looks at the letters …"), 3_000);
  try {
    return await dlo.redrives.preview(which, options);
  } finally {
    clearTimeout(waiting);
  }
}

function sayBegun(redrive: Redrive, output: Output): void {
  if (output !== "table") return printJson(output, redrive);
  print(`Redrive ${redrive.id} has begun. ${howToFollow(redrive.id)}`);
}

async function isAgreed(dlo: Dlo, { which, options }: Redriving, words: RedriveWords): Promise<boolean> {
  const preview = await look(dlo, { which, options });
  const { takes, leavesOut } = preview;
  const out = leavesOut.reduce((sum, { letters }) => sum + letters, 0);
  if (takes === 0) {
    sayNoneTaken(preview, out);
    return false;
  }
  const letters = `${takes} dead ${takes === 1 ? "letter" : "letters"}`;
  if (!canAsk()) throw usage(`${words.cannotAsk(letters)}. To go ahead: --yes`);
  const rest = out === 0 ? "" : ` ${out} more ${out === 1 ? "is" : "are"} left out (--dry-run says why).`;
  if (preview.policies !== undefined) notice(policiesText(preview.policies));
  const agreed = await ask(`${words.doing} ${letters}${words.how ?? ""}, ${options.rate} a second?${rest}`);
  if (!agreed) notice("Nothing was changed.");
  return agreed;
}

function sayNoneTaken({ leavesOut }: RedrivePreview, out: number): void {
  if (out === 0) return notice("No dead letters like that, so nothing was changed.");
  process.exitCode = 1;
  const letters = out === 1 ? "The only letter that fits cannot be taken" : `None of ${out} letters can be taken`;
  const why = leavesOut.every(({ code }) => code === "needs_person") ? forceHint : "For why not: --dry-run";
  notice(`${letters}. ${why}`);
}
