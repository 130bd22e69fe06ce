import { condition } from "@temporalio/workflow";

/**
 * Rests for ever. Its memo ties an office's name, in one namespace, to one database: an office with another database
 * finds it and refuses to start.
 */
export async function office(): Promise<void> {
  await condition(() => false);
}
