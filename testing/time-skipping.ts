import type * as testing from "@temporalio/testing";
import { usage } from "../model/office-error.ts";
import { resolveTimeSkippingServer } from "../stack/temporal-binary.ts";

export type SkippingServer = {
  readonly address: string;
  pass(ms: number): Promise<void>;
  stop(): Promise<void>;
};

/** Temporal's time-skipping server: its clock stands at the real time until `pass`. */
export async function startSkippingServer({
  progress = () => undefined,
}: {
  readonly progress?: (line: string) => void;
}): Promise<SkippingServer> {
  const { TestWorkflowEnvironment } = await loadTesting();
  const { path } = await resolveTimeSkippingServer({ progress });
  const env = await TestWorkflowEnvironment.createTimeSkipping({
    server: { executable: { type: "existing-path", path } },
  });
  return {
    address: env.address,
    pass: async (ms) => await env.sleep(ms),
    stop: async () => await env.teardown(),
  };
}

async function loadTesting(): Promise<typeof testing> {
  try {
    return await import("@temporalio/testing");
  } catch (error) {
    const problem = usage(
      "timeSkipping needs the package @temporalio/testing: npm install --save-dev @temporalio/testing",
    );
    problem.cause = error;
    throw problem;
  }
}
