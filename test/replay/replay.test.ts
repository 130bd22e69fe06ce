import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import proto from "@temporalio/proto";
import { Worker, type WorkflowBundleWithSourceMap } from "@temporalio/worker";
import { beforeAll, expect, test } from "vitest";
import { jobDefaults, resolveContract } from "../../model/resolve-contract.ts";
import { bundleEntry, jobEntry, officeEntry } from "../../worker/workflow-bundle.ts";
import { deliver } from "../setup/post-office.ts";
import { scenarios } from "./scenarios.ts";

// Workflow code is for ever: what a release recorded, every later one has to replay.

const folder = join(import.meta.dirname, "../histories");
const files = readdirSync(folder).filter((name) => name.endsWith(".binpb"));
let jobs: WorkflowBundleWithSourceMap;
let offices: WorkflowBundleWithSourceMap;

beforeAll(async () => {
  const contracts = [resolveContract(deliver.contract, jobDefaults({}))];
  jobs = await bundleEntry(jobEntry({ contracts, versioned: false }));
  offices = await bundleEntry(officeEntry({ versioned: false }));
});

test("every scenario is recorded", () => {
  const names = new Set(files.map((file) => /^(.*)-\d+\.\d+\.\d+\.binpb$/.exec(file)?.[1]));
  expect(scenarios.map(({ name }) => name).filter((name) => !names.has(name))).toEqual([]);
});

test.each(files)("%s replays", async (file) => {
  const history = recorded(file);
  const started = history.events?.[0]?.workflowExecutionStartedEventAttributes;
  const workflowBundle = started?.workflowType?.name === deliver.name ? jobs : offices;
  await expect(
    Worker.runReplayHistory({ workflowBundle }, history, started?.workflowId ?? ""),
  ).resolves.toBeUndefined();
});

// Webpack leaves out what is loaded for its own sake, unless it is told not to; nobody would notice but by the processor's time.
test("what all workflows of a worker share is loaded in advance", () => {
  const inAdvance = ({ code }: WorkflowBundleWithSourceMap) => {
    const [, body = ""] = /preloadModules\(\) \{\n([^}]*)\}/.exec(code) ?? [];
    return [...body.matchAll(/__webpack_require__\(.* "\.\/(.*)"\)/g)].map(([, path]) => path);
  };
  expect(inAdvance(jobs)).toEqual(["workflows/job.ts"]);
  expect(inAdvance(offices)).toContain("workflows/dead-letter.ts");
});

test("a changed order of commands is found", async () => {
  const history = recorded(files.find((file) => file.startsWith("job-dies"))!);
  const changed = await bundleEntry(
    jobEntry({
      contracts: [{ ...resolveContract(deliver.contract, jobDefaults({})), deadLetter: false }],
      versioned: false,
    }),
  );
  await expect(Worker.runReplayHistory({ workflowBundle: changed }, history)).rejects.toThrow(/[Nn]ondetermin/);
});

function recorded(file: string): proto.temporal.api.history.v1.IHistory {
  return proto.temporal.api.history.v1.History.decode(readFileSync(join(folder, file)));
}
