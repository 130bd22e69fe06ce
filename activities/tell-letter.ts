import type { Client } from "@temporalio/client";
import { defineSearchAttributeKey } from "@temporalio/common";
import { letterType, letterWorkflowId } from "../model/ids.ts";
import type { Died } from "../model/letter-activities.ts";
import { letterDetails, letterSummary } from "../model/letter-details.ts";
import type { LetterState } from "../model/letter-state.ts";
import { type SearchAttribute, searchAttributes } from "../model/search-attributes.ts";
import type { LetterHead } from "../schema/rows.ts";
import { letterOfRow } from "./letter-of-row.ts";

/** Starts a letter's workflow, or tells the one that runs of a death. Safe to repeat: it knows its deaths by number. */
export async function tellLetter(
  needs: { readonly client: Client; readonly taskQueue: string; readonly searchAttributes: readonly SearchAttribute[] },
  row: LetterHead,
): Promise<void> {
  const letter = letterOfRow(row);
  const died: Died = { version: 1, letterId: letter.letterId, deaths: letter.deaths, death: letter.lastDeath, letter };
  await needs.client.workflow.signalWithStart(letterType, {
    workflowId: letterWorkflowId(letter.jobWorkflowId),
    taskQueue: needs.taskQueue,
    args: [letter],
    signal: "died",
    signalArgs: [died],
    staticSummary: letterSummary(letter),
    // The current details need an office that answers; these are legible while none does.
    staticDetails: letterDetails(letter, needs.client.options.namespace),
    typedSearchAttributes: attributesOf(letter, row.key).filter(({ key }) =>
      needs.searchAttributes.includes(key.name as SearchAttribute),
    ),
  });
}

function attributesOf(letter: LetterState, key: string | null) {
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
