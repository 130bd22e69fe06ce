import { isGrpcServiceError } from "@temporalio/client";

/** What Temporal's server answered, where it did; the client wraps it. */
export function grpcAnswer(error: unknown): { readonly code: number; readonly details: string } | undefined {
  const inner = error instanceof Error && error.cause !== undefined ? error.cause : error;
  return isGrpcServiceError(error) ? error : isGrpcServiceError(inner) ? inner : undefined;
}

/** gRPC's own number of INVALID_ARGUMENT. Among others, Temporal says it of what is too large. */
export const invalidArgument = 3;
