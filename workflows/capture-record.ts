import {
  allHandlersFinished,
  ApplicationFailure,
  condition,
  continueAsNew,
  defineSignal,
  defineUpdate,
  isCancellation,
  setCurrentDetails,
  setHandler,
  upsertSearchAttributes,
  workflowInfo,
} from "@temporalio/workflow";
import { defineSearchAttributeKey } from "@temporalio/common";
import { type CaptureAnswer, type CaptureStart, captureUpdateName } from "../model/capture.ts";
import type { CaptureVerdict, Died, JobDescription } from "../model/letter-activities.ts";
import { letterDetails } from "../model/letter-details.ts";
import type { LetterState } from "../model/letter-state.ts";
import { sourceText } from "../model/record-source.ts";
import { isOpen } from "../model/status.ts";
import { jobWorker, office } from "./office-calls.ts";

/*
 * A record that failed outside Temporal comes as the argument of its letter's workflow: who captures needs no database, and while
 * Postgres is down the record waits here. Its first step writes the row; from then on it is a letter like any other.
 *
 * - The workflow id is made of the record's source, so that the same record meets the letter that it has. While that runs it answers;
 *   after that a new run finds the closed row, says so and ends.
 * - A refused record leaves no row. Its workflow fails with the reason, and keeps the record for as long as Temporal keeps history.
 */

const diedSignal = defineSignal<[Died]>("died");
const captureUpdate = defineUpdate<CaptureAnswer>(captureUpdateName);

/** Makes the record a letter, and goes on as that. */
export async function captureThen(
  start: CaptureStart,
  goOn: (letter: LetterState) => Promise<LetterState>,
): Promise<LetterState> {
  waitForNewerOffice(start.version);
  const { capture } = start;
  setCurrentDetails(`**${capture.job}** from \`${sourceText(capture.source).replaceAll("`", "'")}\` is being captured`);
  const decided = decide(start);
  let isTold = false;
  setHandler(captureUpdate, async () => {
    const verdict = await decided;
    if (verdict.outcome === "refused") throw refusal(verdict);
    const isNew = verdict.isNew && !isTold;
    isTold = true;
    return { ...answerOf(verdict.letter), isNew };
  });
  const verdict = await decided;
  if (verdict.outcome === "refused") {
    setCurrentDetails(`**Refused:** ${verdict.why}`);
    await answerTheRest();
    throw refusal(verdict);
  }
  const { letter, attributes } = verdict;
  const pairs = Object.entries(attributes).map(([name, value]) => ({
    key: defineSearchAttributeKey(name, "KEYWORD"),
    value,
  }));
  if (pairs.length > 0) upsertSearchAttributes(pairs);
  if (isOpen(letter.status)) return await goOn(letter);
  setCurrentDetails(letterDetails(letter, workflowInfo().namespace));
  await answerTheRest();
  return letter;
}

/**
 * Before the workflow ends without a letter. A job that was started under the record's id may have died meanwhile: its letter was begun
 * by a signal to this workflow, and has no other.
 */
async function answerTheRest(): Promise<void> {
  let next: LetterState | undefined;
  setHandler(diedSignal, ({ version, letter }) => {
    waitForNewerOffice(version);
    next = letter;
  });
  await condition(allHandlersFinished);
  if (next !== undefined) await continueAsNew<(letter: LetterState) => Promise<LetterState>>(next);
}

/** Has a letter's workflow answer those who bring its record once more. */
export function answerCaptures(letter: () => LetterState): void {
  setHandler(captureUpdate, () => ({ ...answerOf(letter()), isNew: false }), {
    validator: () => {
      const { source, job, jobWorkflowId } = letter();
      if (source === undefined)
        throw ApplicationFailure.nonRetryable(
          `workflow id ${jobWorkflowId} is that of an open letter of ${job}, which is no captured record`,
          "CAPTURE_REFUSED",
        );
    },
  });
}

type Decided = Exclude<CaptureVerdict, { outcome: "ask" }>;

async function decide(start: CaptureStart): Promise<Decided> {
  const verdict = await office.captureRecord(start);
  if (verdict.outcome !== "ask") return verdict;
  const described = await describe(start.capture);
  const again = await office.captureRecord({ ...start, described });
  if (again.outcome === "ask") throw new Error("The office asked twice what a job is");
  return again;
}

/** Null where no worker of the job answers: the record is taken all the same. */
async function describe({ job, taskQueue }: CaptureStart["capture"]): Promise<JobDescription | null> {
  try {
    return await jobWorker(taskQueue).describeJob(job);
  } catch (error) {
    if (isCancellation(error)) throw error;
    return null;
  }
}

function answerOf({ letterId, status }: LetterState): Omit<CaptureAnswer, "isNew"> {
  return { letterId, status };
}

function refusal({ code, why }: Extract<CaptureVerdict, { outcome: "refused" }>): ApplicationFailure {
  const failure = ApplicationFailure.nonRetryable(why, code);
  // Where it is made says nothing.
  failure.stack = "";
  return failure;
}

/** Throws a plain error, which fails the task and not the workflow: it waits for an office that knows the version. */
function waitForNewerOffice(version: number): void {
  if (version > 1)
    throw new Error(`This office is older than what sent a record: it knows version 1, not ${version}. Upgrade it`);
}
