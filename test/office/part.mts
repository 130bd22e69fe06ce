import { DefaultLogger, Runtime } from "@temporalio/worker";
import { runOffice, runWorker } from "../../worker/index.ts";
import { handledCourier } from "./courier.ts";

// One part of a deployment in a process of its own: `office` or `worker`, with its options as JSON. It finds what they leave
// out in its environment, as a real one does, says "running" once it polls, and stops on SIGTERM.

const [kind, options] = process.argv.slice(2) as ["office" | "worker", string];
Runtime.install({ logger: new DefaultLogger("DEBUG"), shutdownSignals: [] });
const running = await (kind === "office"
  ? runOffice(JSON.parse(options))
  : runWorker({ ...JSON.parse(options), jobs: [handledCourier] }));
process.once("SIGTERM", () => void running.stop().then(() => console.log("stopped")));
console.log("running");
