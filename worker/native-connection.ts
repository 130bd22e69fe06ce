import { NativeConnection } from "@temporalio/worker";
import type { Target } from "../connect/target.ts";
import { unreachable } from "../connect/temporal-client.ts";

/** @throws {OfficeError} `TEMPORAL_UNREACHABLE` with the address, where it came from, and what to do */
export async function connectNative(temporal: Target["temporal"]): Promise<NativeConnection> {
  try {
    return await NativeConnection.connect(temporal.connection);
  } catch (error) {
    throw unreachable(temporal, error);
  }
}
