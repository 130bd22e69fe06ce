import { StackRunningError, startStack } from "../../stack/stack.ts";
import type { OwnerEvent } from "./stack-process.ts";

const [folder, flag] = process.argv.slice(2) as [string, string?];

function say(event: OwnerEvent): void {
  process.stdout.write(`${JSON.stringify(event)}\n`);
}

function progress(line: string): void {
  say({ progress: line });
  // Postgres's `initdb` runs next, and Temporal is being started beside it.
  if (flag === "--die-half-started" && line.includes("new database folder"))
    setTimeout(() => process.kill(process.pid, "SIGKILL"), 50);
}

try {
  const stack = await startStack({ folder, temporalPort: 0, uiPort: 0, postgresPort: 0, progress });
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.once(signal, () => void stack.stop().then(() => say({ stopped: true })));
  }
  say({ running: stack.info });
} catch (error) {
  if (!(error instanceof StackRunningError)) throw error;
  say({ refused: { name: error.name, message: error.message } });
}
