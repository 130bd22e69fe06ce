import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import {
  type BundleOptions,
  bundleWorkflowCode,
  DefaultLogger,
  type WorkflowBundleWithSourceMap,
} from "@temporalio/worker";
import type { ResolvedContract } from "../model/contract.ts";

export type EntryOptions = {
  readonly contracts: readonly ResolvedContract[];
  /** A module of workflows of the user's own, which keep their names. */
  readonly workflowsPath?: string;
  /** Whether the worker is versioned (`workerDeploymentOptions`). On a worker that is not, the mark would fail every task. */
  readonly versioned: boolean;
};

/**
 * The source of a job worker's bundle: contracts as JSON, and the generic workflow as the default export, which Temporal
 * calls for every type that the bundle does not name.
 */
export function jobEntry({ contracts, workflowsPath, versioned }: EntryOptions): string {
  const byName = Object.fromEntries(contracts.map((contract) => [contract.name, contract]));
  return [
    `import { supervise } from ${JSON.stringify(sourceFile("../workflows/job"))};`,
    `const contracts = ${JSON.stringify(byName)};`,
    ...(workflowsPath === undefined ? [] : ownWorkflows(workflowsPath)),
    "const job = supervise(contracts);",
    ...versioning(versioned, ["job"]),
    "export default job;",
  ].join("\n");
}

const officeTypes = [
  "deadLetter",
  "office",
  "deliverEvent",
  "previewRedrive",
  "redrive",
  "prune",
  "reconcile",
  "adopt",
];

/** The source of an office's bundle. */
export function officeEntry({ versioned }: { readonly versioned: boolean }): string {
  return [
    `import { deadLetter } from ${JSON.stringify(sourceFile("../workflows/dead-letter"))};`,
    `import { office } from ${JSON.stringify(sourceFile("../workflows/office"))};`,
    `import { deliverEvent } from ${JSON.stringify(sourceFile("../workflows/deliver-event"))};`,
    `import { previewRedrive, redrive } from ${JSON.stringify(sourceFile("../workflows/redrive"))};`,
    `import { prune } from ${JSON.stringify(sourceFile("../workflows/prune"))};`,
    `import { reconcile } from ${JSON.stringify(sourceFile("../workflows/reconcile"))};`,
    `import { adopt } from ${JSON.stringify(sourceFile("../workflows/adopt"))};`,
    ...versioning(versioned, officeTypes),
    `export { ${officeTypes.join(", ")} };`,
  ].join("\n");
}

/** Bundles an entry's source. Takes about a second. */
export async function bundleEntry(
  source: string,
  options: Omit<BundleOptions, "workflowsPath"> = {},
): Promise<WorkflowBundleWithSourceMap> {
  const folder = await mkdtemp(join(tmpdir(), "dlo-bundle-"));
  try {
    const workflowsPath = join(folder, "entry.mjs");
    await writeFile(workflowsPath, source);
    return await bundleWorkflowCode({
      // A listing of modules is of no use to whoever starts a worker.
      logger: new DefaultLogger("WARN"),
      ...options,
      workflowsPath,
      webpackConfigHook: findPackages(options.webpackConfigHook),
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** The entry lies in a temporary folder, from which no package would be found. */
export function findPackages(
  hook: BundleOptions["webpackConfigHook"],
): NonNullable<BundleOptions["webpackConfigHook"]> {
  const workflow = createRequire(import.meta.url).resolve("@temporalio/workflow");
  const packages = workflow.slice(0, workflow.lastIndexOf(join("@temporalio", "workflow")));
  return (config) => {
    const { resolve = {} } = config;
    const found = { ...config, resolve: { ...resolve, modules: [...(resolve.modules ?? []), packages] } };
    return hook === undefined ? found : hook(found);
  };
}

function versioning(versioned: boolean, workflows: readonly string[]): string[] {
  if (!versioned) return [];
  return [
    `import { autoUpgrade } from ${JSON.stringify(sourceFile("../workflows/auto-upgrade"))};`,
    ...workflows.map((name) => `autoUpgrade(${name});`),
  ];
}

/** A workflow with a job's name would run in its place, unsupervised. A task that fails loses nothing and says why. */
function ownWorkflows(workflowsPath: string): string[] {
  const path = JSON.stringify(workflowsPath);
  return [
    `import * as own from ${path};`,
    `export * from ${path};`,
    "for (const name of Object.keys(contracts)) if (name in own)",
    `  throw new Error("The job and the workflow " + name + " have the same name, in " + ${path} + ". Rename one of them");`,
  ];
}

/** A module beside this one, as source or as built. */
export function sourceFile(path: string): string {
  return fileURLToPath(new URL(path + extname(fileURLToPath(import.meta.url)), import.meta.url));
}
