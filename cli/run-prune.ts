import type { Dlo, Pruned, StartPruneOptions } from "../client/index.ts";
import type { Duration } from "../model/duration.ts";
import type { Filter } from "../model/filter.ts";
import { usage } from "../model/office-error.ts";
import { ask, canAsk } from "./confirm.ts";
import type { OfficeFlag } from "./office-flag.ts";
import { actingClient, announceTarget } from "./open-client.ts";
import { notice, type Output, print, printJson } from "./output-flag.ts";
import { nothingText, prunedText, prunePreviewText, said } from "./prune-text.ts";
import { type SignatureFlags, signatureOf } from "./signature-flags.ts";
import type { TargetFlags } from "./target-flags.ts";

export type PruneFlags = TargetFlags &
  SignatureFlags &
  OfficeFlag & {
    readonly olderThan?: Duration;
    readonly dryRun?: true;
    readonly yes?: true;
    readonly batch?: number;
    readonly output: Output;
    readonly config?: string;
  };

/**
 * Says what a prune would delete, asks, and prunes just that.
 *
 * @param filter undefined where all closed letters are meant
 */
export async function runPrune(filter: Filter | undefined, flags: PruneFlags): Promise<void> {
  const { output } = flags;
  const given = optionsOf(filter, flags);
  await announceTarget(flags);
  await actingClient(flags, async (dlo, office) => {
    const options = { ...given, office };
    if (flags.yes && !flags.dryRun) return report(await followed(dlo, options), output);
    const preview = await dlo.prune({ ...options, dryRun: true });
    if (flags.dryRun) {
      if (output !== "table") return printJson(output, preview);
      print(preview.letters === 0 ? nothingText(options) : prunePreviewText(preview));
      return notice("Nothing was changed. To do it: the same without --dry-run");
    }
    if (preview.letters === 0) return notice(`${nothingText(options)} Nothing was changed.`);
    notice(prunePreviewText(preview));
    const letters = said(preview.letters, "letter");
    if (!canAsk()) throw usage(`It would delete ${letters} for good, and nobody can be asked here. To go ahead: --yes`);
    if (!(await ask(`Delete ${letters} for good?`))) return notice("Nothing was changed.");
    // As of the moment that was shown.
    report(await followed(dlo, { ...options, asOf: preview.asOf }), output);
  });
}

/** The office goes on whatever becomes of this process. */
async function followed(dlo: Dlo, options: StartPruneOptions): Promise<Pruned> {
  let saidAt = Date.now();
  const clear = () => {
    if (process.stderr.isTTY) process.stderr.write("\r\u001b[2K");
  };
  const onProgress = (letters: number) => {
    const line = `${said(letters, "letter")} deleted …`;
    if (process.stderr.isTTY) process.stderr.write(`\r\u001b[2K${line} (Ctrl-C leaves it running)`);
    else if (Date.now() - saidAt >= lineMs) {
      saidAt = Date.now();
      notice(line);
    }
  };
  try {
    return await dlo.prune({ ...options, dryRun: false, onProgress });
  } finally {
    clear();
  }
}

/** In a pipe, a line so often. */
const lineMs = 10_000;

function report(pruned: Pruned, output: Output): void {
  if (output === "table") print(prunedText(pruned));
  else printJson(output, pruned);
}

function optionsOf(filter: Filter | undefined, flags: PruneFlags): PruneRequest {
  const { olderThan, batch } = flags;
  const { requestId, ...signature } = signatureOf(flags);
  return {
    ...signature,
    ...(requestId === undefined ? {} : { id: requestId }),
    ...(filter === undefined ? {} : { filter }),
    ...(olderThan === undefined ? {} : { olderThan }),
    ...(batch === undefined ? {} : { batch }),
  };
}

type PruneRequest = Omit<StartPruneOptions, "dryRun" | "onProgress">;
