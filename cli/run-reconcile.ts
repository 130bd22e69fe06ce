import { foundInAll } from "../model/reconcile.ts";
import type { OfficeFlag } from "./office-flag.ts";
import { actingClient, announceTarget } from "./open-client.ts";
import { notice, type Output, print, printJson } from "./output-flag.ts";
import { foundText, reconciledText } from "./reconcile-text.ts";
import { type SignatureFlags, signatureOf } from "./signature-flags.ts";
import type { TargetFlags } from "./target-flags.ts";

export type ReconcileFlags = TargetFlags &
  SignatureFlags &
  OfficeFlag & {
    readonly dryRun?: true;
    readonly thorough?: true;
    readonly job?: readonly string[];
    readonly output: Output;
    readonly config?: string;
  };

/** Asks the office to compare, says meanwhile what it has found, and then all of it. */
export async function runReconcile(flags: ReconcileFlags): Promise<void> {
  const { dryRun = false, thorough = false, job: jobs = [], output } = flags;
  const { requestId: id, ...signature } = signatureOf(flags);
  await announceTarget(flags);
  await actingClient(flags, async (dlo, office) => {
    const reconciled = await dlo.reconcile({
      ...signature,
      ...{ dryRun, thorough, jobs, office },
      ...(id === undefined ? {} : { id }),
      onProgress: (progress) => {
        if (foundInAll(progress) > 0) notice(`${foundText(progress)} by now …`);
      },
    });
    if (output === "table") print(reconciledText(reconciled));
    else printJson(output, reconciled);
    if (!dryRun && reconciled.mended < foundInAll(reconciled)) process.exitCode = 1;
  });
}
