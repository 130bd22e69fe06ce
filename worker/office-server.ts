import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { Health } from "../model/health.ts";
import { parseListen } from "../model/listen.ts";
import { configInvalid } from "../model/office-error.ts";
import { readHealth } from "../schema/health.ts";
import { inTime } from "./in-time.ts";
import type { OfficeState } from "./office-state.ts";
import { oneAtATime } from "./one-at-a-time.ts";
import { readinessOf } from "./readiness.ts";

/** Where an office answers questions about itself. */
export type OfficeServer = {
  /** Such as `http://127.0.0.1:9464`. */
  readonly url: string;
  /** Until then the office is starting, and says so. */
  serve(office: OfficeState): Promise<void>;
  close(): Promise<void>;
};

type Answer = { readonly status: number; readonly type: string; readonly body: string };

type Page = () => Promise<Answer>;

type Pages = Readonly<Record<string, Page>>;

/**
 * `/health`, `/ready`, `/live` and `/metrics`, to GET.
 *
 * @param listen `host:port`
 * @throws {OfficeError} `CONFIG_INVALID` where it cannot listen there
 */
export async function openOfficeServer(listen: string): Promise<OfficeServer> {
  let pages: Pages = startingPages;
  const server = createServer((request, response) => {
    void answer(pages, request).then((given) => send(request, response, given));
  });
  server.requestTimeout = 10_000;
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error) => reject(configInvalid("listen", `${listen} cannot be had: ${error.message}`)));
    server.listen(parseListen(listen), resolve);
  });
  const { address, port, family } = server.address() as { address: string; port: number; family: string };
  return {
    url: `http://${family === "IPv6" ? `[${address}]` : address}:${port}`,
    serve: async (office) => void (pages = await pagesOf(office)),
    close: async () => {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      await closed;
    },
  };
}

async function answer(pages: Pages, { method, url = "/" }: IncomingMessage): Promise<Answer> {
  if (method !== "GET" && method !== "HEAD")
    return json(405, { error: `There is nothing to ${method ?? ""}: only GET` });
  const path = url.replace(/[?#].*$/, "");
  const page = Object.hasOwn(pages, path) ? pages[path] : undefined;
  if (page === undefined) return json(404, { error: `There is no ${path} here`, paths: Object.keys(pages) });
  try {
    return await page();
  } catch (error) {
    return json(503, { error: messageOf(error) });
  }
}

function send({ method }: IncomingMessage, response: ServerResponse, { status, type, body }: Answer): void {
  response.writeHead(status, {
    "Content-Type": type,
    "Content-Length": Buffer.byteLength(body),
    "Cache-Control": "no-store",
    ...(status === 405 ? { Allow: "GET, HEAD" } : {}),
  });
  response.end(method === "HEAD" ? undefined : body);
}

const live: Page = async () => await Promise.resolve(json(200, { live: true }));

const starting: Page = async () => await Promise.resolve(json(503, { ready: false, error: "The office is starting" }));

const startingPages = { "/health": starting, "/ready": starting, "/live": live, "/metrics": starting };

async function pagesOf(office: OfficeState): Promise<Pages> {
  // Loaded by offices that listen alone.
  const { officeMetrics } = await import("./office-metrics.ts");
  const { db, limits, namespace } = office;
  const health = oneAtATime(async () => await readHealth(db, limits, namespace));
  const readiness = readinessOf(office);
  const metrics = officeMetrics(office, readiness, health);
  return {
    "/health": async () => await healthPage(health),
    "/ready": async () => {
      const state = await readiness();
      return json(state.ready ? 200 : 503, state);
    },
    "/live": live,
    "/metrics": async () => ({ status: 200, type: "text/plain; version=0.0.4; charset=utf-8", body: await metrics() }),
  };
}

async function healthPage(health: () => Promise<Health>): Promise<Answer> {
  try {
    const { status, ...rest } = await inTime("Postgres", health());
    return json(status === "unhealthy" ? 500 : 200, { status, ...rest });
  } catch (error) {
    return json(503, { status: "unknown", reasons: [messageOf(error)], timestamp: new Date() });
  }
}

function json(status: number, value: unknown): Answer {
  return { status, type: "application/json", body: `${JSON.stringify(value)}\n` };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
