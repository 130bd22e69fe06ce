/** What to say where an optional package is missing: only who runs workers or tests needs them. Undefined for all other errors. */
export function missingPackage(error: Error): string | undefined {
  if ((error as NodeJS.ErrnoException).code !== "ERR_MODULE_NOT_FOUND") return undefined;
  const name = /^Cannot find package '([^']+)'/.exec(error.message)?.[1];
  if (name === testingPackage)
    return `This command runs a handler in Temporal's test environment, and the package ${name} is not installed. In the version of your @temporalio/client: npm install --save-dev ${name}`;
  if (name === undefined || !workerPackages.includes(name)) return undefined;
  return (
    `This command runs a Temporal worker, and the package ${name} is not installed. In the version of your @temporalio/client: ` +
    `npm install ${workerPackages.join(" ")}`
  );
}

const testingPackage = "@temporalio/testing";
const workerPackages = ["@temporalio/worker", "@temporalio/workflow", "@temporalio/activity"];
