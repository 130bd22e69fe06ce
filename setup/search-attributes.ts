import type { Client } from "@temporalio/client";
import proto from "@temporalio/proto";
import { registeredSearchAttributes } from "../connect/registered-search-attributes.ts";
import { type SearchAttribute, searchAttributeNames } from "../model/search-attributes.ts";

export type SearchAttributesOutcome = {
  /** Those that were registered now. */
  readonly registered: readonly SearchAttribute[];
  /** Those that the namespace still lacks, as it may not be changed from here. */
  readonly missing: readonly SearchAttribute[];
  /** For somebody who may. Absent where nothing is missing. */
  readonly command?: string;
};

/**
 * Registers the search attributes that the namespace lacks, where that is allowed. All works without them: only searching in
 * Temporal Web UI does not.
 */
export async function registerSearchAttributes(client: Client): Promise<SearchAttributesOutcome> {
  const { namespace } = client.options;
  const before = await missingSearchAttributes(client);
  if (before.length === 0) return { registered: [], missing: [] };
  try {
    await client.connection.operatorService?.addSearchAttributes({
      namespace,
      searchAttributes: Object.fromEntries(before.map((name) => [name, keyword])),
    });
  } catch {
    // Refused (Temporal Cloud has its own way), or another set-up was quicker: what is there now tells.
  }
  const missing = await missingSearchAttributes(client);
  return {
    registered: before.filter((name) => !missing.includes(name)),
    missing,
    ...(missing.length === 0 ? {} : { command: searchAttributesCommand(namespace, missing) }),
  };
}

/** Those of our search attributes that the namespace lacks. Where it may not be asked, all. */
export async function missingSearchAttributes(client: Client): Promise<SearchAttribute[]> {
  const registered = await registeredSearchAttributes(client);
  return searchAttributeNames.filter((name) => !registered.includes(name));
}

/** The command of Temporal's own CLI that registers them. */
export function searchAttributesCommand(namespace: string, names: readonly SearchAttribute[]): string {
  const flags = names.map((name) => `--name ${name} --type Keyword`).join(" ");
  return `temporal operator search-attribute create --namespace ${namespace} ${flags}`;
}

const keyword = proto.temporal.api.enums.v1.IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD;
