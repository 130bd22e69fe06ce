import { connect } from "../../client/index.ts";
import { courier } from "./courier.ts";

// An app that only starts jobs: it has Temporal's address, and no database.

const [options, to, id] = process.argv.slice(2) as [string, string, string];
await using dlo = await connect(JSON.parse(options));
console.log("running");
const run = await dlo.start(courier, { to }, { id });
const result = await run.result().catch((error: { code?: string }) => error.code);
const read = await dlo.letters.get(id).catch((error: { code?: string }) => error.code);
const native = process.report.getReport() as { sharedObjects: string[] };
console.log(JSON.stringify({ result, read, native: native.sharedObjects.filter((path) => path.endsWith(".node")) }));
