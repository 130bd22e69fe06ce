import { mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import type { BundleOptions } from "@temporalio/worker";
import type { ResolvedContract } from "../model/contract.ts";
import { configInvalid } from "../model/office-error.ts";
import { configureFor, jobEntry, sourceFile } from "./workflow-bundle.ts";

/** Stands in `workflowsPath` for a worker without workflows of its own: the SDK bundles nothing where there is none. */
export const noWorkflowsPath = sourceFile("../workflows/job");

/**
 * Puts the jobs into a bundle that the SDK is about to make.
 *
 * The bundle's entry is a file in a temporary folder, which is there from now on until the bundler has ended.
 */
export function addJobs(
  bundle: BundleOptions,
  { contracts, versioned }: { readonly contracts: readonly ResolvedContract[]; readonly versioned: boolean },
): BundleOptions {
  const own = bundle.workflowsPath === noWorkflowsPath ? undefined : resolve(bundle.workflowsPath);
  // The bundler knows a module by its true path.
  const folder = realpathSync(mkdtempSync(join(tmpdir(), "dlo-plugin-")));
  const entry = join(folder, "entry.mjs");
  const jobs = jobEntry({ contracts, versioned, ...(own === undefined ? {} : { workflowsPath: own }) });
  writeFileSync(entry, jobs.source);
  const names = contracts.map(({ name }) => name);
  return {
    ...bundle,
    workflowsPath: entry,
    preloadModules: [...(bundle.preloadModules ?? []), ...jobs.shared],
    webpackConfigHook(config) {
      const found = configureFor(jobs, bundle.webpackConfigHook)(config);
      // A module's own imports need their extensions, and a path that the SDK takes may lack it, or be a folder's.
      const asSdk = { test: entry, resolve: { fullySpecified: false } };
      return {
        ...found,
        module: { ...found.module, rules: [...(found.module?.rules ?? []), asSdk] },
        plugins: [...(found.plugins ?? []), checkThenClean({ folder, entry, own, names })],
      };
    },
  };
}

type WebpackPlugin = NonNullable<ReturnType<NonNullable<BundleOptions["webpackConfigHook"]>>["plugins"]>[number];

type Made = {
  readonly folder: string;
  readonly entry: string;
  readonly own: string | undefined;
  readonly names: readonly string[];
};

function checkThenClean({ folder, entry, own, names }: Made): WebpackPlugin {
  return {
    apply({ hooks }) {
      hooks.afterCompile.tap("dead-letter-office", ({ modules, moduleGraph, errors }) => {
        // What does not compile has no exports, and says so by itself.
        if (errors.length > 0) return;
        const module = [...modules].find((one) => one.nameForCondition() === entry);
        if (module === undefined)
          throw configInvalid(
            "deadLetterPlugin",
            "another plugin has replaced workflowsPath, and the jobs with it. Put deadLetterPlugin behind it in plugins",
          );
        const exported = moduleGraph.getProvidedExports(module);
        for (const name of Array.isArray(exported) ? exported : []) if (names.includes(name)) throw sameName(name, own);
        for (const { dependency, module: imported } of moduleGraph.getOutgoingConnections(module)) {
          const isOwn = (dependency as { request?: string } | null)?.request === own;
          if (isOwn && moduleGraph.isExportProvided(imported, "default") === true) throw defaultTaken(own);
        }
      });
      hooks.shutdown.tap("dead-letter-office", () => rmSync(folder, { recursive: true, force: true }));
    },
  };
}

function sameName(name: string, own: string | undefined): Error {
  return configInvalid(
    `job "${name}"`,
    `${own} exports a workflow of this name, which would run in the job's place. Rename one of them`,
  );
}

function defaultTaken(own: string | undefined): Error {
  return configInvalid(
    "deadLetterPlugin",
    `${own} has a default export, and so has the bundle of every worker of jobs: it answers for all types that have no export of their own. ` +
      "Give yours a name",
  );
}
