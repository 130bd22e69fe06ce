import { createServer, type IncomingHttpHeaders } from "node:http";

/** A request that a hook has sent. */
export type Posted = {
  readonly path: string;
  readonly method: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
};

export type HookServer = {
  readonly url: string;
  readonly posted: readonly Posted[];
  close(): Promise<void>;
};

/** A server on this machine that keeps what it is sent, and answers with the status that `answer` gives. */
export async function openHookServer(answer: (posted: Posted) => number = () => 200): Promise<HookServer> {
  const posted: Posted[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const { url = "", method = "", headers } = request;
      const body = Buffer.concat(chunks).toString();
      posted.push({ path: url, method, headers, body });
      const status = answer(posted.at(-1)!);
      response.writeHead(status, status >= 300 && status < 400 ? { Location: "/elsewhere" } : {}).end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  return {
    url: `http://127.0.0.1:${port}`,
    posted,
    close: async () => {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  };
}
