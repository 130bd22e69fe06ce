// Sends two dead letters a retry: one with our client, one with Temporal's own alone. In a clone, while `npm start` runs:
//   node --import tsx examples/retry-letter.ts movie-0010 movie-0016
import { Client, Connection } from "@temporalio/client";
import { connect } from "dead-letter-office/client";

const [ours = "movie-0010", theirs = "movie-0016"] = process.argv.slice(2);
const by = "examples/retry-letter.ts";

await using dlo = await connect();
const letter = await dlo.letters.retry(ours, { by, reason: "with our client", waitFor: "30 seconds" });
console.log(`${letter.workflowId} is ${letter.status}.`);

const { TEMPORAL_ADDRESS: address = "127.0.0.1:7233", TEMPORAL_NAMESPACE: namespace = "default" } = process.env;
const connection = await Connection.connect({ address });
const temporal = new Client({ connection, namespace });
await temporal.workflow.getHandle(`dead-letter/${theirs}`).signal("retry", { by, reason: "with Temporal's own" });
console.log(`${theirs} was sent the signal "retry".`);
await connection.close();
