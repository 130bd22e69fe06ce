import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";
import { LongFirst } from "./test/setup/long-first.ts";

const stackSetup = "test/setup/stack.ts";
const pure = "test/pure/**";
/** What has to be as it is for a user: processes of their own, and bundles that are made. */
const apart = ["test/{package,replay,stack,testing}/**/*.test.ts"];
/** What needs Go and Python: `npm run test:foreign`. */
const foreign = ["test/foreign/**/*.test.ts"];

const onStack = {
  globalSetup: existsSync(here(stackSetup)) ? [stackSetup] : [],
  testTimeout: 60_000,
  hookTimeout: 60_000,
};

export default defineConfig({
  resolve: {
    // By its own name the package is its sources, so that tests need no build.
    alias: [
      { find: /^dead-letter-office$/, replacement: here("model/index.ts") },
      { find: /^dead-letter-office\/(client|worker|workflows|schema|testing)$/, replacement: here("$1/index.ts") },
    ],
  },
  test: {
    // One waits for a timer or a server while two compute: this many are right for two processors.
    maxWorkers: 3,
    teardownTimeout: 60_000,
    sequence: { sequencer: LongFirst },
    projects: [
      {
        extends: true,
        test: {
          name: "pure",
          // Property tests compute; on a busy machine they take their time.
          testTimeout: 60_000,
          include: ["**/*.test.ts"],
          exclude: ["node_modules", "dist", ".test", ".dlo", "test/!(pure)/**", "test/*.test.ts"],
          // To start a process and to load what a file imports takes far longer than its tests.
          isolate: false,
        },
      },
      {
        extends: true,
        test: {
          ...onStack,
          name: "stack",
          include: ["test/**/*.test.ts"],
          exclude: [pure, ...apart, ...foreign],
          // Temporal's worker takes two seconds of processor time to load and to warm up.
          isolate: false,
          unstubEnvs: true,
          setupFiles: ["test/setup/kept-bundles.ts"],
        },
      },
      { extends: true, test: { ...onStack, name: "apart", include: apart } },
      {
        extends: true,
        test: {
          ...onStack,
          name: "foreign",
          include: foreign,
          globalSetup: ["test/foreign/workers.ts", ...onStack.globalSetup],
          isolate: false,
          unstubEnvs: true,
          setupFiles: ["test/setup/kept-bundles.ts"],
        },
      },
    ],
  },
});

function here(path: string): string {
  return fileURLToPath(new URL(path, import.meta.url));
}
