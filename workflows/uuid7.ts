import { uuid4 } from "@temporalio/workflow";

/** An id that sorts by when it was made: a workflow's own randomness has no such kind. */
export function uuid7(): string {
  const time = Date.now().toString(16).padStart(12, "0");
  return `${time.slice(0, 8)}-${time.slice(8)}-7${uuid4().slice(15)}`;
}
