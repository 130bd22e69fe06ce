import { foundInAll } from "../model/reconcile.ts";
import { actingClient, announceTarget } from "./open-client.ts";
import { notice, type Output, print, printJson } from "./output-flag.ts";
import { foundText, reconciledText } from "./reconcile-text.ts";
import { type SignatureFlags, signatureOf } from "./signature-flags.ts";
import type { TargetFlags } from "./target-flags.ts";

export type ReconcileFlags = TargetFlags &
  SignatureFlags & {
    readonly dryRun?: true;
    readonly thorough?: true;
    readonly job?: readonly string[];
    readonly office?: string;
    readonly output: Output;
  };

/** Asks the office to compare, says meanwhile what it has found, and then all of it. */
export async function runReconcile(flags: ReconcileFlags): Promise<void> {
  const { dryRun = false, thorough = false, job: jobs = [], office, output } = flags;
  const { requestId: id, ...signature } = signatureOf(flags);
  await announceTarget(flags);
  await actingClient(flags, async (dlo) => {
    const reconciled = await dlo.reconcile({
      ...signature,
      ...{ dryRun, thorough, jobs },
      ...(id === undefined ? {} : { id }),
      ...(office === undefined ? {} : { office }),
      onProgress: (progress) => {
        if (foundInAll(progress) > 0) notice(`${foundText(progress)} by now …`);
      },
    });
    if (output === "table") print(reconciledText(reconciled));
    else printJson(output, reconciled);
    if (!dryRun && reconciled.mended < foundInAll(reconciled)) process.exitCode = 1;
  });
}
