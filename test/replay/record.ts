import { mkdir, readFile, writeFile } from "node:fs/promises";
import proto from "@temporalio/proto";
import { openPostOffice } from "../setup/post-office.ts";
import { openSharedStack } from "../setup/stack.ts";
import { scenarios } from "./scenarios.ts";

// As protobuf: the SDK's JSON needs all of its packages to share one copy of protobufjs, which npm does not promise.
// Records a history of every scenario for the release that package.json names: npm run record-histories.
// What a release has recorded is never recorded again: parked letters of that release still have to replay.

const { version } = JSON.parse(await readFile("package.json", "utf8")) as { version: string };
const folder = "test/histories";
await mkdir(folder, { recursive: true });
const { stack, close } = await openSharedStack();
try {
  const office = await openPostOffice({}, stack);
  for (const { name, play } of scenarios) {
    const { workflowId, runId } = await play(office);
    const history = await office.dlo.temporal.workflow.getHandle(workflowId, runId).fetchHistory();
    const file = `${folder}/${name}-${version}.binpb`;
    await writeFile(file, proto.temporal.api.history.v1.History.encode(history).finish());
    console.log(file);
  }
  await office.close();
} finally {
  await close();
}
