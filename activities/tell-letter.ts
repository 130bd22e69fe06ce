import type { Client } from "@temporalio/client";
import { letterType } from "../model/ids.ts";
import { type LetterHome, letterStart } from "../model/letter-start.ts";
import { letterOfRow } from "../schema/letter-of-row.ts";
import type { LetterHead } from "../schema/rows.ts";

/** Starts a letter's workflow, or tells the one that runs of a death. Safe to repeat: it knows its deaths by number. */
export async function tellLetter(
  needs: Pick<LetterHome, "taskQueue" | "searchAttributes"> & { readonly client: Client },
  row: LetterHead,
): Promise<void> {
  const { client, taskQueue, searchAttributes } = needs;
  const home = { namespace: client.options.namespace, taskQueue, searchAttributes };
  await client.workflow.signalWithStart(letterType, letterStart(letterOfRow(row), row.key, home));
}
