import { DefaultLogger, Runtime } from "@temporalio/worker";
import { runWorker } from "../../worker/index.ts";
import { mortal } from "./mortal-job.ts";

// A process of its own: `node --import tsx mortal-worker.ts <address> <namespace>`. It tells its parent of each attempt.
Runtime.install({ logger: new DefaultLogger("ERROR") });
const [address, namespace] = process.argv.slice(2) as [string, string];

const worker = await runWorker({
  address,
  namespace,
  jobs: [
    mortal.handle(async ({ attempts }, { attempt, progress }) => {
      const todo = attempts[attempt - 1] ?? attempts.at(-1);
      if (todo === "wait") progress(1, 2, `attempt ${attempt}`);
      await told({ attempt, todo });
      if (todo === "kill") process.kill(process.pid, "SIGKILL");
      if (todo === "fail") throw new Error(`failure ${attempt}`);
      if (todo === "wait") await new Promise(() => {});
      return `attempt ${attempt} of process ${process.pid}`;
    }),
  ],
  // Otherwise a run's next task waits ten seconds for the process that was killed.
  worker: { maxCachedWorkflows: 0 },
});
process.once("SIGTERM", () => void worker.stop().then(() => process.disconnect()));
await told({ ready: true });

async function told(message: object): Promise<void> {
  await new Promise<void>((resolve) => process.send!(message, undefined, undefined, () => resolve()));
}
