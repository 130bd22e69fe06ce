import type { Client } from "@temporalio/client";
import { type SearchAttribute, searchAttributeNames } from "../model/search-attributes.ts";

/** Those of our search attributes that the namespace has. Where it may not be asked, none: all works without. */
export async function registeredSearchAttributes(client: Client): Promise<SearchAttribute[]> {
  try {
    const { customAttributes } = await client.connection.operatorService.listSearchAttributes({
      namespace: client.options.namespace,
    });
    return searchAttributeNames.filter((name) => customAttributes?.[name] !== undefined);
  } catch {
    return [];
  }
}
