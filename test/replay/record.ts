import { existsSync } from "node:fs";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { hostname, tmpdir } from "node:os";
import proto from "@temporalio/proto";
import { openPostOffice } from "../setup/post-office.ts";
import { openSharedStack } from "../setup/stack.ts";
import { readRows } from "./released-rows.ts";
import { recordedHooks, scenarios } from "./scenarios.ts";

// Records a history of every scenario, and the rows that they left, for the release that package.json names:
// npm run record-histories. What is recorded already stays, since letters and rows of a release are out there; before it is one,
// `-- --all` records everything anew. As protobuf: the SDK's JSON needs all of its packages to share one copy of protobufjs, which npm does not promise.

const { version } = JSON.parse(await readFile("package.json", "utf8")) as { version: string };
const folder = "test/histories";
const all = process.argv.includes("--all");
await mkdir(folder, { recursive: true });
const { stack, close } = await openSharedStack();
try {
  const office = await openPostOffice({ on: recordedHooks, probes: { ready: () => true } }, stack);
  for (const { name, play } of scenarios) {
    if (!all && existsSync(`${folder}/${name}-${version}.binpb`)) continue;
    const { workflowId, runId } = await play(office);
    const history = await office.dlo.temporal.workflow.getHandle(workflowId, runId).fetchHistory();
    const file = `${folder}/${name}-${version}.binpb`;
    const { History } = proto.temporal.api.history.v1;
    await writeFile(file, History.encode(neutral(History.fromObject(history))).finish());
    console.log(file);
  }
  const rows = `${folder}/rows-${version}.json`;
  if (all || !existsSync(rows)) {
    await writeFile(rows, `${JSON.stringify(neutral(await readRows(office.sql)), undefined, 1)}\n`);
    console.log(rows);
  }
  await office.close();
} finally {
  await close();
}

/** Without where it was recorded: stack traces name folders, and identities hosts. */
function neutral<T>(value: T): T {
  if (typeof value === "string") return withoutPlace(value) as T;
  if (value instanceof Uint8Array)
    return Buffer.from(withoutPlace(Buffer.from(value).toString("latin1")), "latin1") as T;
  if (typeof value !== "object" || value === null) return value;
  for (const [key, inner] of Object.entries(value)) (value as Record<string, unknown>)[key] = neutral(inner);
  return value;
}

function withoutPlace(text: string): string {
  const places = { [process.cwd()]: "/app", [tmpdir()]: "/temp", [`@${hostname()}`]: "@host" };
  return Object.entries(places).reduce((left, [place, name]) => left.replaceAll(place, sameLength(name, place)), text);
}

/** Packed bytes say how long their parts are. */
function sameLength(name: string, { length }: string): string {
  return name.padEnd(length, "/").slice(0, length);
}
