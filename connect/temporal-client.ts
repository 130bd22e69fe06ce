import { Client, type ClientOptions, Connection } from "@temporalio/client";
import { temporalUnreachable } from "../model/office-error.ts";
import type { Target } from "./target.ts";

/**
 * Connects a client of Temporal's own.
 *
 * @throws {OfficeError} `TEMPORAL_UNREACHABLE` with the address, where it came from, and what to do
 */
export async function connectClient(
  temporal: Target["temporal"],
  options: Pick<ClientOptions, "identity" | "dataConverter"> = {},
): Promise<Client> {
  try {
    const connection = await Connection.connect({ ...temporal.connection, connectTimeout: "5 seconds" });
    return new Client({ connection, namespace: temporal.namespace, ...options });
  } catch (error) {
    throw unreachable(temporal, error);
  }
}

/** The error for a connection that could not be made. */
export function unreachable(temporal: Target["temporal"], error: unknown): Error {
  const why = error instanceof Error ? error.message : String(error);
  return temporalUnreachable(temporal.address, `${why} (the address is from ${temporal.from})`, error);
}
