import { Console } from "node:console";
import { decodeInput, decodeMemo } from "../client/decode-input.ts";
import type { Config } from "../model/config.ts";
import { fingerprint } from "../model/fingerprint.ts";
import type { HandledJob } from "../model/job.ts";
import type { Progress } from "../model/ledger.ts";
import { jobUnknown, officeErrorOf, usage } from "../model/office-error.ts";
import { shownMemo } from "../model/shown-memo.ts";
import type { RecordedAttempt, Reproduced } from "../worker/reproduce-attempt.ts";
import { harmless } from "./cut.ts";
import { readExportedRun } from "./exported-run.ts";
import { requireConfig } from "./load-config.ts";
import { whoAmI } from "./open-client.ts";
import { notice, print, printJson } from "./output-flag.ts";
import { readInput } from "./read-input.ts";
import { placeOfRun, type RecordedLetter, readRecordedRun, type RecordedRun } from "./recorded-run.ts";
import type { Reproduction, ReproductionFlags } from "./reproduction.ts";
import { beginText, endText, heartbeatText, progressText } from "./reproduction-text.ts";
import type { TargetFlags } from "./target-flags.ts";
import { stopSignal } from "./until-signal.ts";
import { waitForDebugger } from "./wait-for-debugger.ts";

/** Makes the attempt that died again, says how it went, and leaves the exit code: 0 only if it succeeded. */
export async function reproduce(
  which: { readonly id: string } | { readonly from: string },
  flags: TargetFlags & { readonly config?: string },
  given: ReproductionFlags,
): Promise<void> {
  const { config, from } = await requireConfig(flags.config, "the job's handler is found there");
  const run = "id" in which ? await readRecordedRun(which.id, flags) : await readExportedRun(which.from);
  refuseForeign(run.letter);
  const handled = handlerOf(config, run.letter);
  const recorded = await recordedAttempt(run, config, given);
  notice(beginText(run, recorded, given, from));
  const { reproduceAttempt } = await import("../worker/reproduce-attempt.ts");
  // Data alone goes to standard output: what the handler says is none.
  globalThis.console = new Console(process.stderr, process.stderr);
  if (given.inspectBrk !== undefined) waitForDebugger(given.inspectBrk);
  const stopping = stopSignal(notice);
  const said = { heartbeats: [] as unknown[], progress: [] as Progress[] };
  let ended: Reproduced;
  try {
    ended = await reproduceAttempt(handled, recorded, {
      identity: whoAmI(),
      ...(config.classifier === undefined ? {} : { classifier: config.classifier }),
      signal: stopping.signal,
      breakBefore: given.inspectBrk !== undefined,
      onHeartbeat: (details) => {
        said.heartbeats.push(structuredClone(details));
        notice(heartbeatText(details));
      },
      onProgress: (progress) => {
        said.progress.push(progress);
        notice(progressText(progress));
      },
      onLog: (line) => notice(`  ${harmless(line)}`),
    });
  } finally {
    stopping.off();
  }
  const reproduction: Reproduction = {
    letter: run.letter.id,
    attempt: recorded.attempt,
    ...ended,
    sameCause: ended.outcome === "failed" && isSameCause(ended, run.letter),
    ...said,
  };
  if (given.output === "table") print(endText(reproduction, run.letter));
  else printJson(given.output, reproduction);
  process.exitCode = ended.outcome === "succeeded" ? 0 : 1;
  endSoon();
}

/** @throws {OfficeError} `USAGE` for what has no handler of ours */
function refuseForeign({ id, kind, workflowId, runId }: RecordedLetter): void {
  if (kind === "activity")
    throw usage(
      `Dead letter ${id} is a standalone activity, which no job's handler runs. To run it again: dlo retry ${id}`,
    );
  if (kind === "workflow")
    throw usage(
      `Dead letter ${id} is a workflow of the app's own, which no job's handler runs. Its history can be replayed by its own code: temporal workflow show --workflow-id '${workflowId}' --run-id ${runId} --output json`,
    );
}

/** @throws {OfficeError} `JOB_UNKNOWN` with the jobs that the configuration has */
function handlerOf({ jobs = [] }: Config, { job, workflowType }: RecordedLetter): HandledJob {
  const found = jobs.find((handled) => handled.job.name === job || handled.job.name === workflowType);
  if (found !== undefined) return found;
  throw jobUnknown(
    job,
    jobs.map((handled) => handled.job.name),
  );
}

async function recordedAttempt(
  { letter, attempt, encoded }: RecordedRun,
  { codec }: Config,
  { input, original }: ReproductionFlags,
): Promise<RecordedAttempt> {
  const { workflowId, runId } = letter;
  // A letter may have been exported without its bytes, an operator may not see them, and its run may have had no memo.
  const told = encoded.memo === null ? shownMemo(letter) : await decodeMemo(encoded.memo, codec);
  const memo = { ...told, ...placeOfRun(letter) };
  return { workflowId, runId, attempt, memo, input: await inputOf() };

  async function inputOf(): Promise<unknown> {
    if (input !== undefined) return await readInput(input);
    const data = original ? (encoded.original ?? encoded.current) : encoded.current;
    if (data === null) throw withoutInput(letter);
    // A job's handler takes one.
    const [first] = await decodeInput(data, codec);
    return first;
  }
}

function withoutInput({ id, payloadOmitted }: RecordedLetter): Error {
  const why = payloadOmitted ? "was stored without its payload, as its queue says" : "has no recorded input";
  return officeErrorOf("PAYLOAD_OMITTED", `Dead letter ${id} ${why}, so give one: --input '…'`, { id });
}

/** By the recorded error as well: rules may have filed the letter under another cause than its fingerprint's. */
function isSameCause(
  { failure }: Reproduced & { outcome: "failed" },
  { causeId, failure: recorded }: RecordedLetter,
): boolean {
  return failure.causeId === causeId || failure.causeId === fingerprint(recorded).causeId;
}

/** A handler may leave connections open, which would keep the process for ever; what it began has a moment to end. */
function endSoon(): void {
  setTimeout(() => process.exit(), 1000).unref();
}
