import { TestWorkflowEnvironment } from "@temporalio/testing";
import { DefaultLogger, Runtime, Worker } from "@temporalio/worker";
import { expect, test } from "vitest";
import { fileURLToPath } from "node:url";
import { defineJob } from "../../model/index.ts";
import { resolveContract, jobDefaults } from "../../model/resolve-contract.ts";
import { resolveTimeSkippingServer } from "../../stack/temporal-binary.ts";
import { bundleEntry } from "../../worker/workflow-bundle.ts";
import { z } from "zod";

Runtime.install({ logger: new DefaultLogger("ERROR") });

// A run that waits for its build must not hold the job's id for ever where its letter is gone.

test("a run that nobody puts onto its build ends as cancelled after an hour, with nothing run", async () => {
  const { path } = await resolveTimeSkippingServer({ progress: () => undefined });
  const env = await TestWorkflowEnvironment.createTimeSkipping({
    server: { executable: { type: "existing-path", path } },
  });
  try {
    let begun = 0;
    const worker = await Worker.create({
      connection: env.nativeConnection,
      taskQueue: "jobs",
      workflowBundle: await bundleEntry({ source: letterThatForgets(), shared: [] }),
      activities: { waits: () => void begun++ },
    });
    const startMs = await env.currentTimeMs();
    const failure = await worker.runUntil(
      async () => await env.client.workflow.execute("letter", { taskQueue: "jobs", workflowId: "dead-letter/waits/1" }),
    );
    expect(failure).toBe("CancelledFailure: Its letter did not put it onto its build within 1 hour");
    expect((await env.currentTimeMs()) - startMs).toBeGreaterThanOrEqual(3_600_000);
    expect(begun).toBe(0);
  } finally {
    await env.teardown();
  }
});

/** A workflow with a letter's id that starts a run for a build and never lets it begin. */
function letterThatForgets(): string {
  const job = defineJob({ name: "waits", input: z.object({}) });
  const contracts = { waits: resolveContract(job.contract, jobDefaults({})) };
  const supervise = fileURLToPath(new URL("../../workflows/job.ts", import.meta.url));
  return `
    import { executeChild } from "@temporalio/workflow";
    import { supervise } from ${JSON.stringify(supervise)};
    export async function letter() {
      const memo = { dlo: { version: 1, build: { deploymentName: "vans", buildId: "2" } } };
      try {
        return await executeChild("waits", { workflowId: "waits/1", args: [{}], memo });
      } catch ({ cause }) {
        return cause.name + ": " + cause.message;
      }
    }
    export default supervise(${JSON.stringify(contracts)});`;
}
