import { defineSearchAttributeKey } from "@temporalio/common";
import type { LetterSignature } from "./command.ts";
import { letterWorkflowId } from "./ids.ts";
import type { Died } from "./letter-activities.ts";
import { letterDetails, letterSummary } from "./letter-details.ts";
import type { LetterState } from "./letter-state.ts";
import { type SearchAttribute, searchAttributes } from "./search-attributes.ts";

/** Where a letter's workflow is to run. */
export type LetterHome = {
  readonly namespace: string;
  /** The office's task queue. */
  readonly taskQueue: string;
  /** Those that the namespace has registered. */
  readonly searchAttributes: readonly SearchAttribute[];
};

/** How a letter's workflow is begun, or told of a death where it runs: for Temporal's signal-with-start. */
export function letterStart(letter: LetterState, key: string | null, home: LetterHome) {
  const died: Died = { version: 1, letterId: letter.letterId, deaths: letter.deaths, death: letter.lastDeath, letter };
  return { ...beginning(letter, key, home), signal: "died", signalArgs: [died] as [Died] };
}

/** How the workflow of a closed letter is begun again. */
export function reopeningStart(closed: LetterState, key: string | null, home: LetterHome, by: LetterSignature) {
  return beginning({ ...closed, status: "parked", reopening: by }, key, home);
}

/** How the workflow of an open letter is begun again that is gone. */
export function restoringStart(open: LetterState, key: string | null, home: LetterHome) {
  return beginning({ ...open, restoring: true }, key, home);
}

function beginning(letter: LetterState, key: string | null, home: LetterHome) {
  return {
    workflowId: letterWorkflowId(letter.jobWorkflowId),
    taskQueue: home.taskQueue,
    args: [letter] as [LetterState],
    staticSummary: letterSummary(letter),
    // The current details need an office that answers; these are legible while none does.
    staticDetails: letterDetails(letter, home.namespace),
    typedSearchAttributes: letterAttributes(letter, key).filter((pair) =>
      home.searchAttributes.includes(pair.key.name as SearchAttribute),
    ),
  };
}

/** What a letter is found by in Visibility. */
export function letterAttributes(letter: LetterState, key: string | null) {
  const keyword = (name: SearchAttribute, value: string) => ({ key: defineSearchAttributeKey(name, "KEYWORD"), value });
  return [
    keyword(searchAttributes.job, letter.job),
    keyword(searchAttributes.queue, letter.queue),
    keyword(searchAttributes.status, letter.status),
    keyword(searchAttributes.category, letter.lastDeath.category),
    keyword(searchAttributes.errorType, letter.lastDeath.errorType),
    ...(key === null ? [] : [keyword(searchAttributes.key, key)]),
  ];
}
