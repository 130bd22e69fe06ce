import { realpathSync } from "node:fs";
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

/** What a bundle is made of. */
export type Entry = {
  readonly source: string;
  /**
   * Paths of modules that are loaded once for all workflows of a worker, not once for each: they keep nothing between two
   * calls, and are frozen. A user's own workflows may.
   */
  readonly shared: readonly string[];
};

/**
 * A job worker's bundle: contracts as JSON, and the generic workflow as the default export, which Temporal calls for every
 * type that the bundle does not name.
 */
export function jobEntry({ contracts, workflowsPath, versioned }: EntryOptions): Entry {
  const byName = Object.fromEntries(contracts.map((contract) => [contract.name, contract]));
  const supervising = sourceFile("../workflows/job");
  const source = [
    `import { supervise } from ${JSON.stringify(supervising)};`,
    ...upgrading(versioned),
    `const contracts = ${JSON.stringify(byName)};`,
    ...(workflowsPath === undefined ? [] : ownWorkflows(workflowsPath)),
    `export default ${upgraded("supervise(contracts)", versioned)};`,
  ].join("\n");
  return { source, shared: [supervising] };
}

const officeWorkflows = {
  "dead-letter": ["deadLetter"],
  office: ["office"],
  "deliver-event": ["deliverEvent"],
  redrive: ["previewRedrive", "redrive"],
  prune: ["prune"],
  reconcile: ["reconcile"],
  adopt: ["adopt"],
};

/** An office's bundle. */
export function officeEntry({ versioned }: { readonly versioned: boolean }): Entry {
  const modules = Object.entries(officeWorkflows).map(([file, names]) => ({
    path: sourceFile(`../workflows/${file}`),
    names,
  }));
  const source = [
    ...upgrading(versioned),
    ...modules.flatMap(({ path, names }, n) => [
      `import * as from${n} from ${JSON.stringify(path)};`,
      ...names.map((name) => `export const ${name} = ${upgraded(`from${n}.${name}`, versioned)};`),
    ]),
  ].join("\n");
  return { source, shared: modules.map(({ path }) => path) };
}

/** Bundles an entry's source. Takes about a second. */
export async function bundleEntry(
  entry: Entry,
  options: Omit<BundleOptions, "workflowsPath"> = {},
): Promise<WorkflowBundleWithSourceMap> {
  const folder = await mkdtemp(join(tmpdir(), "dlo-bundle-"));
  try {
    const workflowsPath = join(folder, "entry.mjs");
    await writeFile(workflowsPath, entry.source);
    return await bundleWorkflowCode({
      // A listing of modules is of no use to whoever starts a worker.
      logger: new DefaultLogger("WARN"),
      ...options,
      workflowsPath,
      preloadModules: [...entry.shared],
      webpackConfigHook: configureFor(entry, options.webpackConfigHook),
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** What webpack has to know of an entry, before a hook of somebody else's. */
export function configureFor(
  { shared }: Pick<Entry, "shared">,
  hook: BundleOptions["webpackConfigHook"],
): NonNullable<BundleOptions["webpackConfigHook"]> {
  // The entry lies in a temporary folder, from which no package would be found.
  const workflow = createRequire(import.meta.url).resolve("@temporalio/workflow");
  const packages = workflow.slice(0, workflow.lastIndexOf(join("@temporalio", "workflow")));
  // Our package.json promises that no module has effects, so what is loaded for its own sake, in advance, would be left out.
  const inAdvance = { test: shared.map((path) => realpathSync(path)), sideEffects: true };
  return (config) => {
    const { resolve = {}, module } = config;
    const found = {
      ...config,
      resolve: { ...resolve, modules: [...(resolve.modules ?? []), packages] },
      module: { ...module, rules: [...(module?.rules ?? []), inAdvance] },
    };
    return hook === undefined ? found : hook(found);
  };
}

function upgrading(versioned: boolean): string[] {
  return versioned ? [`import { autoUpgrade } from ${JSON.stringify(sourceFile("../workflows/auto-upgrade"))};`] : [];
}

function upgraded(workflow: string, versioned: boolean): string {
  return versioned ? `autoUpgrade(${workflow})` : workflow;
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
