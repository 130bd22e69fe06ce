import { createConnection, createServer, type Socket } from "node:net";

/** A way to Postgres that can be cut, or fall silent. */
export type CutProxy = {
  /** The database's URL, by way of the proxy. */
  readonly url: string;
  /** Ends all connections, and takes none until `mend`. */
  cut(): void;
  /** Lets nothing through any more, and says nothing of it, until `mend`. */
  silence(): void;
  mend(): void;
  close(): Promise<void>;
};

export async function openCutProxy(databaseUrl: string): Promise<CutProxy> {
  const target = new URL(databaseUrl);
  let state: "open" | "cut" | "silent" = "open";
  const pairs = new Set<readonly [Socket, Socket]>();
  const server = createServer((client) => {
    if (state === "cut") return client.destroy();
    const upstream = createConnection({ host: target.hostname, port: Number(target.port) });
    const pair = [client, upstream] as const;
    pairs.add(pair);
    for (const [from, to] of [pair, [upstream, client] as const]) {
      from.on("data", (chunk) => state !== "silent" && to.write(chunk));
      from.on("error", () => undefined);
      from.on("close", () => {
        pairs.delete(pair);
        to.destroy();
      });
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = new URL(databaseUrl);
  url.hostname = "127.0.0.1";
  url.port = String((server.address() as { port: number }).port);
  const endAll = () => pairs.forEach((pair) => pair.forEach((socket) => socket.destroy()));
  return {
    url: url.href,
    cut: () => {
      state = "cut";
      endAll();
    },
    silence: () => void (state = "silent"),
    mend: () => {
      // What was swallowed is lost, so those connections are of no use.
      if (state === "silent") endAll();
      state = "open";
    },
    close: async () => {
      endAll();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
