import { ApplicationFailure, Context } from "@temporalio/activity";
import type { RedriveControl, RedriveSpec, RedriveStatus } from "../model/redrive.ts";
import type {
  PreviewedLetter,
  RedriveActivities,
  RedriveChange,
  RedriveProgress,
} from "../model/redrive-activities.ts";
import { redriveState } from "../model/office-error.ts";
import { countOutcomes, skipUntried } from "../schema/drive-items.ts";
import { redact } from "../model/redact.ts";
import { type PolicyFor, previewRedrive, type PreviewSample } from "../schema/preview-redrive.ts";
import { getRedrive, type RedriveTurn, sealedOf, turnRedrive } from "../schema/redrive-rows.ts";
import { snapshotRedrive } from "../schema/snapshot-redrive.ts";
import { queuePolicy, type QueueRules } from "../model/queue-policy.ts";
import type { KeepingDefaults } from "../model/resolve-contract.ts";
import type { Probes } from "../model/probes.ts";
import { askProbe } from "./ask-probe.ts";
import { amendedInput, askLetter, type AskNeeds, inputOf } from "./ask-letter.ts";
import { type AskLetter, driveSlice, progressOf } from "./drive-redrive.ts";
import { beating } from "./beating.ts";
import { sealSpec, unsealSpec } from "./sealed-spec.ts";
import { translated } from "./translated.ts";

export type RedriveNeeds = AskNeeds & {
  readonly namespace: string;
  readonly redact: readonly string[];
  readonly probes: Probes;
  readonly queues: Readonly<Record<string, QueueRules>>;
  readonly defaults: KeepingDefaults;
  /** In place of the signal to a letter. */
  readonly ask?: AskLetter;
};

/** Letters that are given their end at a time. */
const batchItems = 5_000;

/** What redrives do to Postgres and to letters. Each is safe to repeat. */
export function redriveActivities(needs: RedriveNeeds): RedriveActivities {
  const { db, namespace, ask = askLetter(needs) } = needs;
  const policyFor: PolicyFor = ({ queue, own }) => queuePolicy(needs.queues[queue], needs.defaults, own);
  const probe = async (name: string) => await askProbe(needs.probes, name);
  const progress = async (redriveId: string): Promise<RedriveProgress> => progressOf(await getRedrive(db, redriveId));
  return {
    prepareRedrive: async (spec) =>
      await translated(async () => {
        const written = await sealSpec(spec, needs);
        await beating(async () => await snapshotRedrive(db, spec, namespace, written));
        return await progress(spec.id);
      }),

    driveRedrive: async (slice) => {
      const { heartbeat, cancellationSignal } = Context.current();
      return await translated(async () => {
        const sealed = await sealedOf(db, slice.redriveId);
        let whole: Promise<RedriveSpec> | undefined;
        const asking: AskLetter = async (redrive, item) =>
          await ask({ ...redrive, spec: await (whole ??= unsealSpec(redrive.spec, sealed, needs.codecs)) }, item);
        return await driveSlice({ db, ask: asking, probe, beat: () => heartbeat(), signal: cancellationSignal }, slice);
      });
    },

    controlRedrive: async (change) =>
      await translated(async () => {
        const { redriveId } = change;
        const turned = await beating(async () => {
          // What has died until now is what a resume forgives.
          await countOutcomes(db, redriveId);
          return await turnRedrive(db, redriveId, turnOf(change));
        });
        const after = await progress(redriveId);
        if (turned === "not" && !isRepeat(change.name, after.status))
          throw ApplicationFailure.nonRetryable(
            redriveState(redriveId, after.status, change.name).message,
            "REDRIVE_STATE",
          );
        return after;
      }),

    finishRedrive: async ({ redriveId }) =>
      await translated(async () => {
        const { heartbeat } = Context.current();
        const before = await getRedrive(db, redriveId);
        while (before.status === "cancelled" && (await skipUntried(db, redriveId, batchItems)) > 0) heartbeat();
        await countOutcomes(db, redriveId);
        const { counts } = await getRedrive(db, redriveId);
        await turnRedrive(db, redriveId, {
          ...{ from: ["running"], to: "completed", event: "redrive_completed", by: "office", data: { ...counts } },
        });
        return await progress(redriveId);
      }),

    previewRedrive: async (spec) =>
      await translated(async () => {
        const { samples, ...preview } = await beating(async () => await previewRedrive(db, spec, namespace, policyFor));
        return {
          ...preview,
          samples: await Promise.all(samples.map(async (sample) => await previewed(sample, spec, needs))),
        };
      }),
  };
}

/** What a job would get, and what a change of inputs makes of it. */
async function previewed(
  { payloadData, ...sample }: PreviewSample,
  { amend, command }: RedriveSpec,
  needs: RedriveNeeds,
): Promise<PreviewedLetter> {
  if (command.name !== "retry" && command.name !== "amend") return sample;
  try {
    const before = await inputOf(payloadData, needs.codecs, sample.kind);
    const after =
      amend !== null
        ? await amendedInput(amend, { ...sample, payloadData }, needs)
        : "input" in command && command.input !== undefined
          ? command.input
          : before;
    const shown = (value: unknown) => redact(value, needs.redact);
    return {
      ...sample,
      // Of large ones the next twenty would not fit into an answer.
      ...((payloadData?.length ?? 0) > largestPreviewed || sample.kind !== undefined ? {} : { input: after }),
      ...(amend === null ? {} : { amended: { before: shown(before), after: shown(after) } }),
    };
  } catch (error) {
    return { ...sample, refused: `its input could not be changed: ${(error as Error).message}` };
  }
}

const largestPreviewed = 50_000;

function turnOf({ name, limits = {}, by, reason, requestId }: RedriveChange): RedriveTurn {
  const signed = { by: by ?? "unknown", requestId, ...(reason === undefined ? {} : { reason }) };
  switch (name) {
    case "pause":
      return { from: ["preparing", "running", "stopped"], to: "paused", event: "redrive_paused", ...signed };
    case "resume":
      return { from: ["paused", "stopped"], to: "running", event: "redrive_resumed", ...signed };
    case "cancel":
      return { from: notEnded, to: "cancelled", event: "redrive_cancelled", ...signed };
    case "set":
      return { from: notEnded, limits, event: "redrive_changed", data: { ...limits }, ...signed };
  }
}

const notEnded: readonly RedriveStatus[] = ["preparing", "running", "paused", "stopped"];

/** Whether it is what was asked for already. */
function isRepeat(name: RedriveControl, status: RedriveStatus): boolean {
  switch (name) {
    case "pause":
      return status === "paused";
    case "resume":
      return status === "running" || status === "preparing";
    case "cancel":
      return status === "cancelled";
    case "set":
      return false;
  }
}
