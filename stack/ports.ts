import { once } from "node:events";
import { connect, createServer } from "node:net";
import type { AddressInfo } from "node:net";

export const loopback = "127.0.0.1";

/**
 * A port on the loopback address that nobody listens on: the wanted one or the next free one after it; `0` is any.
 *
 * Only a hint, as another process may take it before it is used.
 *
 * @throws {Error} if none of the hundred ports from the wanted one on is free
 */
export async function freePort(wanted: number): Promise<number> {
  if (wanted === 0) return await bind(0);
  const last = Math.min(wanted + 99, 65_535);
  for (let port = wanted; port <= last; port++) {
    if ((await isAnswered(port)) || !(await bind(port).catch(unlessInUse))) continue;
    return port;
  }
  throw new Error(
    `No port from ${wanted} to ${last} is free on ${loopback}. Stop what listens there, or choose another port.`,
  );
}

// macOS lets us bind the loopback address of a port that another process has bound for all addresses, so ask as well.
async function isAnswered(port: number): Promise<boolean> {
  const socket = connect({ port, host: loopback });
  try {
    await once(socket, "connect");
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

async function bind(port: number): Promise<number> {
  const server = createServer().listen(port, loopback);
  await once(server, "listening");
  const bound = (server.address() as AddressInfo).port;
  server.close();
  await once(server, "close");
  return bound;
}

function unlessInUse(error: NodeJS.ErrnoException): undefined {
  if (error.code !== "EADDRINUSE" && error.code !== "EACCES") throw error;
}
