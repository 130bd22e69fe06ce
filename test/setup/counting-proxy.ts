import { createConnection, createServer, type Socket } from "node:net";

/**
 * A way to Postgres that counts the statements which pass it: what jobs and letters cost. The office's clerk looks around
 * whether anything happens or not; its connections, which say whose they are, are let through uncounted.
 */
export type CountingProxy = {
  /** The database's URL, by way of the proxy. */
  readonly url: string;
  /** Statements that clients have asked to be executed so far. */
  statements(): number;
  close(): Promise<void>;
};

export async function openCountingProxy(databaseUrl: string): Promise<CountingProxy> {
  const target = new URL(databaseUrl);
  let count = 0;
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const upstream = createConnection({ host: target.hostname, port: Number(target.port) });
    for (const socket of [client, upstream]) sockets.add(socket.on("error", () => client.destroy()));
    client.on(
      "data",
      countStatements(() => count++),
    );
    client.pipe(upstream).pipe(client);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = new URL(databaseUrl);
  url.port = String((server.address() as { port: number }).port);
  url.hostname = "127.0.0.1";
  return {
    url: url.toString(),
    statements: () => count,
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Reads Postgres's frontend protocol: a start-up message without a type, then messages of one byte of type and four of length. */
function countStatements(counted: () => void): (chunk: Buffer) => void {
  let pending = Buffer.alloc(0);
  let started = false;
  let clerk = false;
  return (chunk) => {
    pending = Buffer.concat([pending, chunk]);
    for (;;) {
      const head = started ? 1 : 0;
      if (pending.length < head + 4) return;
      const length = head + pending.readUInt32BE(head);
      if (pending.length < length) return;
      const message = pending.subarray(0, length);
      if (!started) clerk = message.includes("application_name\0dead-letter-office clerk\0");
      // Q: a simple query, E: the execution of a prepared one.
      else if (!clerk && "QE".includes(String.fromCharCode(message[0]!))) counted();
      started = true;
      pending = pending.subarray(length);
    }
  };
}
