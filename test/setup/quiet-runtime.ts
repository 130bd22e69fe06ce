import { DefaultLogger, Runtime } from "@temporalio/worker";

/**
 * Jobs die here by design, and each death is a warning of the SDK's. It forgets its Runtime when the last connection closes,
 * so each world asks for this anew.
 */
export function quietRuntime(): void {
  if (Runtime._instance === undefined) Runtime.install({ logger: new DefaultLogger("ERROR") });
}
