import { defaultPayloadConverter } from "@temporalio/common";
import { decodeAll } from "../model/codecs.ts";
import type { Death } from "../model/death.ts";
import { officeActor } from "../model/event.ts";
import { emptyLedger } from "../model/ledger.ts";
import type { FoundItem } from "../model/reconcile.ts";
import { grpcAnswer, invalidArgument } from "../model/grpc-answer.ts";
import { mendEach } from "./mend-each.ts";
import { mayBeAnothers } from "./other-offices.ts";
import { parkRun } from "./park-run.ts";
import { policyWithoutWorker } from "./policy-without-worker.ts";
import { readRun } from "./read-run.ts";
import { jobsQuery, unasked } from "./reconcile-runs.ts";
import { contractOf, type Reconciling, type StepEnd } from "./reconciling.ts";
import { tellLetter } from "./tell-letter.ts";
import { at, type VisiblePage, type VisibleRun, visibleRuns } from "./visible-runs.ts";

/** Its workers may be about to get the codec that they lack. Who asks for a thorough look knows whether they are. */
const patienceMs = 60 * 60_000;
const pageRuns = 200;

/**
 * Looks at a page of jobs whose first task fails over and over, and parks those whose input nobody can decode: such a job would
 * run for ever, and never begin. Temporal marks runs whose tasks fail; a thorough reconcile looks at all that run.
 */
export async function reconcileStuck(step: Reconciling): Promise<StepEnd> {
  const { asked, place, needs } = step;
  const jobs = jobsQuery(step);
  if (jobs === undefined) return { items: [] };
  const troubled = asked.thorough
    ? ""
    : ` AND StartTime < ${at(place.untilMs - patienceMs)} AND TemporalReportedProblems IS NOT NULL`;
  const query = `ExecutionStatus = 'Running' AND ${jobs}${troubled}`;
  const token = place.pageToken === undefined ? {} : { token: Buffer.from(place.pageToken, "base64") };
  let page: VisiblePage;
  try {
    page = await visibleRuns(needs.client, query, { size: pageRuns, ...token });
  } catch (error) {
    // An older server marks no such runs.
    if (grpcAnswer(error)?.code === invalidArgument) return { items: [] };
    throw error;
  }
  const found: Stuck[] = [];
  const failed = await mendEach(step, page.runs, suspected, async (run) => {
    const message = await whyUndecodable(step, run);
    if (message !== undefined) found.push({ ...run, message });
    return undefined;
  });
  const wants = unasked(found, step.contracts);
  if (wants.length > 0) return { items: [], wants };
  const parked = await mendEach(step, found, suspected, async (run) => await parkUndecodable(step, run));
  const { pageToken: _, ...rest } = place;
  return {
    items: [...failed, ...parked],
    runs: page.runs.length,
    ...(page.next === undefined ? {} : { place: { ...rest, pageToken: Buffer.from(page.next).toString("base64") } }),
  };
}

type Stuck = VisibleRun & { readonly message: string };

function suspected({ workflowId }: VisibleRun) {
  return { finding: "undecodable" as const, workflowId };
}

/** Undefined: it is under way, or fails of something else. */
async function whyUndecodable(step: Reconciling, run: VisibleRun): Promise<string | undefined> {
  const { client, codecs } = step.needs;
  const message = await firstTaskFailure(step, run);
  if (message === undefined) return undefined;
  const { input } = await readRun(client, run.workflowId, run.runId);
  try {
    for (const payload of await decodeAll(input, codecs)) defaultPayloadConverter.fromPayload(payload);
    // It can be read here, so its worker fails of something else, which a deployment may mend.
    return undefined;
  } catch {
    return message;
  }
}

async function parkUndecodable(step: Reconciling, { message, ...run }: Stuck): Promise<FoundItem | undefined> {
  const { needs, asked } = step;
  const { client } = needs;
  const said = contractOf(step, run);
  if (said?.deadLetter === false || (said === undefined && (await mayBeAnothers(needs, run)))) return undefined;
  const policy = said?.deadLetter ?? (await policyWithoutWorker(needs, run.type));
  if (policy.office !== needs.taskQueue) return undefined;
  const item = {
    finding: "undecodable" as const,
    workflowId: run.workflowId,
    said: `its input cannot be decoded: ${message}`,
  };
  if (asked.dryRun) return { ...item, mended: false };
  const death: Death = {
    version: 1,
    ...{ reason: "non_retryable", category: "data" },
    error: { type: "UndecodableInput", message: `The input cannot be decoded: ${message}`.slice(0, 4096), causes: [] },
    ledger: emptyLedger,
    diedAtMs: Date.now(),
  };
  // First the record: a run that was ended and is not recorded would be found as terminated, and nobody would know why.
  const { letter } = await parkRun(needs, run, { death, policy, found: "found by a reconcile: it could not begin" });
  await client.workflow
    .getHandle(run.workflowId, run.runId)
    .terminate(`${officeActor}: its input cannot be decoded; dead letter ${letter.id}`);
  if (letter.closedAt === null) await tellLetter(needs, letter);
  return { ...item, letterId: letter.id, mended: true };
}

/** Why the first task of a run fails, where it has never done one. */
async function firstTaskFailure({ needs: { client } }: Reconciling, run: VisibleRun): Promise<string | undefined> {
  const { history } = await client.workflowService.getWorkflowExecutionHistory({
    namespace: client.options.namespace,
    execution: { workflowId: run.workflowId, runId: run.runId },
    maximumPageSize: 20,
  });
  const events = history?.events ?? [];
  if (events.some((event) => event.workflowTaskCompletedEventAttributes)) return undefined;
  return events.findLast((event) => event.workflowTaskFailedEventAttributes)?.workflowTaskFailedEventAttributes?.failure
    ?.message as string | undefined;
}
