import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { join } from "node:path";
import { openStore, type CatalogueStore, type SecondEffect } from "./catalogue-store.ts";
import { judge } from "./good-movie.ts";

export type CatalogueReport = {
  /** Movies in the store, over all starts. */
  readonly stored: number;
  /** Requests since this start that brought what was stored already, and changed nothing. */
  readonly repeats: number;
  /** Requests since this start that were answered 422. */
  readonly refused: number;
  /** Over all starts; empty where every sender kept its idempotency key. */
  readonly secondEffects: readonly SecondEffect[];
};

export type Catalogue = AsyncDisposable & {
  readonly url: string;
  readonly port: number;
  report(): CatalogueReport;
  /** Closes the socket and resets every connection: clients get ECONNREFUSED or ECONNRESET. Twice is fine. */
  goDown(): Promise<void>;
  /** Listens on the same port again. Does nothing where it is up. */
  comeBack(): Promise<void>;
  /** Lets running requests end, then closes the store. Twice is fine, and so is a stop while down. */
  stop(): Promise<void>;
};

export type CatalogueOptions = {
  /** Where `catalogue.jsonl` is kept, such as `.dlo`; made if missing. One catalogue at a time may use it. */
  readonly folder: string;
  /** @default 0: any free one */
  readonly port?: number;
};

/**
 * A catalogue of movies behind HTTP, on 127.0.0.1, that stores each once per idempotency key.
 *
 * - `POST /movies` with `Idempotency-Key` and a record: 201 stored · 200 the same again, nothing done · 409 the key is
 *   taken by another record · 422 `{violations: [{field, problem}]}`
 * - `GET /movies`: `[{key, at, movie}]` · `GET /movies/count`: `{stored}` · `GET /report`: `CatalogueReport`
 *
 * @throws if the port is taken or the store is damaged
 */
export async function startCatalogue({ folder, port: wantedPort = 0 }: CatalogueOptions): Promise<Catalogue> {
  const store = openStore(join(folder, "catalogue.jsonl"));
  const counts = { repeats: 0, refused: 0 };
  let listener: Listener | undefined;
  let stopped = false;
  let turn: Promise<void> = Promise.resolve();

  try {
    listener = await listen(wantedPort, answer);
  } catch (error) {
    store.close();
    throw error;
  }
  const { port } = listener;

  return { url: `http://127.0.0.1:${port}`, port, report, goDown, comeBack, stop, [Symbol.asyncDispose]: stop };

  function report(): CatalogueReport {
    return { stored: store.movies.size, ...counts, secondEffects: [...store.secondEffects] };
  }

  function goDown(): Promise<void> {
    return inTurn(async () => {
      await listener?.drop();
      listener = undefined;
    });
  }

  function comeBack(): Promise<void> {
    return inTurn(async () => {
      if (stopped) throw new Error("The catalogue was stopped and can't come back; start a new one.");
      listener ??= await listen(port, answer);
    });
  }

  function stop(): Promise<void> {
    return inTurn(async () => {
      if (stopped) return;
      stopped = true;
      await listener?.finish();
      listener = undefined;
      store.close();
    });
  }

  /** One change of state after the other, so that a stop during a start finds something whole. */
  function inTurn(change: () => Promise<void>): Promise<void> {
    const done = turn.then(change);
    turn = done.catch(() => undefined);
    return done;
  }

  async function answer(request: IncomingMessage): Promise<Answer> {
    const route = `${request.method} ${new URL(request.url ?? "/", "http://catalogue").pathname}`;
    switch (route) {
      case "POST /movies":
        return await take(request, store, counts);
      case "GET /movies":
        return { status: 200, body: [...store.movies.values()] };
      case "GET /movies/count":
        return { status: 200, body: { stored: store.movies.size } };
      case "GET /report":
        return { status: 200, body: report() };
      default:
        return { status: 404, body: { message: `No ${route} here. Try POST /movies or GET /report.` } };
    }
  }
}

type Answer = { readonly status: number; readonly body: unknown };

async function take(
  request: IncomingMessage,
  store: CatalogueStore,
  counts: { repeats: number; refused: number },
): Promise<Answer> {
  const key = request.headers["idempotency-key"];
  if (typeof key !== "string" || key === "") {
    return { status: 400, body: { message: "The header Idempotency-Key is missing: send the job's own." } };
  }
  const text = await readBody(request);
  if (text === undefined) return { status: 413, body: { message: `A record has at most ${recordBytes} bytes.` } };
  const record = parseJson(text);
  if (record === undefined) return { status: 400, body: { message: "The body is not JSON." } };
  const judged = judge(record);
  if ("violations" in judged) {
    if (store.has(key)) {
      store.noteConflict(key);
      return conflict(key);
    }
    counts.refused += 1;
    return { status: 422, body: { violations: judged.violations } };
  }
  const outcome = store.put(key, judged.movie);
  if (outcome === "conflict") return conflict(key);
  if (outcome === "repeated") counts.repeats += 1;
  return { status: outcome === "stored" ? 201 : 200, body: { key, outcome } };
}

function conflict(key: string): Answer {
  const message = `Another record is stored under the idempotency key ${key}; new content needs a key of its own.`;
  return { status: 409, body: { message } };
}

/** The largest real record has 468 bytes. */
const recordBytes = 64 * 1024;

/** The body as text, or undefined where it is too long; the rest is then read and dropped. */
async function readBody(request: IncomingMessage): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes <= recordBytes) chunks.push(chunk);
  }
  return bytes <= recordBytes ? Buffer.concat(chunks).toString("utf8") : undefined;
}

/** The value, or undefined where the text is not JSON. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

type Listener = {
  readonly port: number;
  /** Resets every connection, in the middle of whatever it does. */
  drop(): Promise<void>;
  /** Lets what runs end, for at most two seconds. */
  finish(): Promise<void>;
};

async function listen(port: number, answer: (request: IncomingMessage) => Promise<Answer>): Promise<Listener> {
  const sockets = new Set<Socket>();
  const server = createServer((request, response) => void respond(request, response, answer));
  server.on("connection", (socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
  });
  server.listen(port, "127.0.0.1");
  try {
    await once(server, "listening");
  } catch (cause) {
    throw new Error(`The catalogue can't listen on 127.0.0.1:${port}; free the port or name another.`, { cause });
  }
  return { port: (server.address() as AddressInfo).port, drop, finish };

  async function drop(): Promise<void> {
    const closed = close(server);
    for (const socket of sockets) socket.resetAndDestroy();
    await closed;
  }

  async function finish(): Promise<void> {
    const closed = close(server);
    const impatience = setTimeout(() => server.closeAllConnections(), 2_000);
    await closed;
    clearTimeout(impatience);
  }
}

async function respond(
  request: IncomingMessage,
  response: ServerResponse,
  answer: (request: IncomingMessage) => Promise<Answer>,
): Promise<void> {
  const { status, body } = await answer(request).catch((error: unknown): Answer => {
    return { status: 500, body: { message: `The catalogue failed: ${String(error)}` } };
  });
  // Writing to a client that has gone away is harmless.
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
}

async function close(server: Server): Promise<void> {
  const closed = once(server, "close");
  server.close();
  await closed;
}
