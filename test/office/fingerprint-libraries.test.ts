import dns from "node:dns/promises";
import { once } from "node:events";
import { mkdtemp, mkdir, open, readFile, readdir, rm, rmdir, writeFile } from "node:fs/promises";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import net from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { GetObjectCommand, PutObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { ApplicationFailure, TimeoutFailure, TimeoutType } from "@temporalio/common";
import axios from "axios";
import { drizzle } from "drizzle-orm/node-postgres";
import { integer, pgTable, text } from "drizzle-orm/pg-core";
import { eq } from "drizzle-orm";
import pg from "pg";
import postgres from "postgres";
import { fetch as undiciFetch, request } from "undici";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { recordError } from "../../model/error-record.ts";
import { type Fingerprint, fingerprint } from "../../model/fingerprint.ts";
import { testDatabase } from "../setup/postgres.ts";

async function thrownBy(action: () => unknown): Promise<Fingerprint> {
  try {
    await action();
  } catch (thrown) {
    return fingerprint(recordError(thrown));
  }
  throw new Error("It did not throw");
}

const said = ({ hash, title, frame }: Fingerprint) => `${hash.slice(0, 8)} ${title} @ ${frame}`;

type Act = () => unknown;

/** All of these are one bug to a person. */
async function expectOne(acts: readonly Act[]): Promise<Fingerprint> {
  const found: Fingerprint[] = [];
  for (const act of acts) found.push(await thrownBy(act));
  // The titles say what differs.
  expect(found.map(said)).toEqual(found.map(() => said(found[0]!)));
  return found[0]!;
}

/** Each of these is a bug of its own. */
async function expectAllDifferent(acts: readonly Act[]): Promise<void> {
  const found: Fingerprint[] = [];
  for (const act of acts) found.push(await thrownBy(act));
  const doubles = found.filter(({ hash }, i) => found.findIndex((one) => one.hash === hash) < i);
  expect(doubles.map(said)).toEqual([]);
}

let folder: string;
let urls: [string, string];
const servers: Server[] = [];
let refused: [number, number];
let databaseUrl: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "dlo-fingerprints-"));
  const started = [await serve(), await serve()];
  urls = started as [string, string];
  refused = [await closedPort(), await closedPort()];
  const database = await testDatabase();
  databaseUrl = database.url;
  await database.sql`create schema shop`;
  await database.sql`create table shop.orders (id int primary key, email text not null unique, total int check (total > 0))`;
  await database.sql`create table public.bills (id int primary key, email text)`;
  await database.sql`create table public.parcels (id int primary key, email text)`;
  await database.sql`insert into shop.orders values (1, 'ann@example.com', 5), (2, 'bob@example.com', 5)`;
});
afterAll(async () => {
  for (const server of servers) {
    server.closeAllConnections();
    server.close();
  }
  await rm(folder, { recursive: true, force: true });
});

/** A server that answers what its path says: `/status/503`, `/hang`, `/cut`, `/html`, or as S3 does. */
async function serve(): Promise<string> {
  const server = createServer(answer).listen(0, "127.0.0.1");
  servers.push(server);
  await once(server, "listening");
  return `http://127.0.0.1:${(server.address() as net.AddressInfo).port}`;
}

function answer(request: IncomingMessage, response: ServerResponse): void {
  const [, what, more] = (request.url ?? "").split("/");
  if (what === "status")
    return void response.writeHead(Number(more?.slice(0, 3))).end(`{"request":"${Math.random()}"}`);
  if (what === "hang") return;
  if (what === "cut") return void request.socket.destroy();
  if (what === "html") return void response.end("<!doctype html><title>Sign in</title>");
  if (what === "half") return void response.end(`{"id": ${Math.random()}, "title": "Vert`);
  if (what === "loop") return void response.writeHead(302, { location: `/loop/${Math.random()}` }).end();
  // S3: the bucket says what goes wrong, and every answer has ids of its own.
  const code = what === "missing" ? "NoSuchKey" : what === "nowhere" ? "NoSuchBucket" : "AccessDenied";
  const status = code === "AccessDenied" ? 403 : 404;
  const id = Math.random().toString(36).slice(2).toUpperCase();
  response.writeHead(status, {
    "content-type": "application/xml",
    "x-amz-request-id": id,
    "x-amz-id-2": `${id}/${id}`,
  });
  const said = {
    NoSuchKey: "The specified key does not exist.",
    NoSuchBucket: "The specified bucket does not exist",
    AccessDenied: "Access Denied",
  };
  response.end(
    `<?xml version="1.0" encoding="UTF-8"?><Error><Code>${code}</Code><Message>${said[code]}</Message><Key>${more}</Key><RequestId>${id}</RequestId><HostId>${id}</HostId></Error>`,
  );
}

async function closedPort(): Promise<number> {
  const server = net.createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as net.AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

describe("fetch and undici", () => {
  const get = (url: string, init?: RequestInit) => () => fetch(url, init);
  test("a refused connection, whatever the port, path and name", async () => {
    const [one, other] = refused;
    const { title } = await expectOne([
      get(`http://127.0.0.1:${one}/movies/17`),
      get(`http://127.0.0.1:${other}/movies/99?page=2`),
      get(`http://localhost:${other}/people/0197a3b2-1111-7222-8333-444455556666`),
    ]);
    expect(title).toBe("TypeError: fetch failed (ECONNREFUSED: connect ECONNREFUSED <host>)");
  });
  test("a connection that is cut, whatever was asked", async () => {
    await expectOne([get(`${urls[0]}/cut/1`), get(`${urls[1]}/cut/22`)]);
  });
  test("a time-out, whatever its length", async () => {
    const after = (ms: number) => () => fetch(`${urls[0]}/hang`, { signal: AbortSignal.timeout(ms) });
    await expectOne([after(10), after(25)]);
  });
  test("an answer that is no JSON, whatever it says there", async () => {
    const json = (url: string) => async () => await (await fetch(url)).json();
    await expectOne([json(`${urls[0]}/half/1`), json(`${urls[1]}/half/2`)]);
  });
  test("undici's own errors, whatever the port", async () => {
    await expectOne(refused.map((port) => () => request(`http://127.0.0.1:${port}/`)));
    await expectOne(urls.map((url) => () => request(`${url}/hang`, { headersTimeout: 20 + Number(url.slice(-1)) })));
    await expectOne(refused.map((port) => () => undiciFetch(`http://127.0.0.1:${port}/`)));
  });
  test("what goes wrong differently is another bug", async () => {
    await expectAllDifferent([
      get(`http://127.0.0.1:${refused[0]}/`),
      get(`${urls[0]}/cut/1`),
      get(`${urls[0]}/loop`),
      get("not a url"),
      get(`${urls[0]}/hang`, { signal: AbortSignal.timeout(10) }),
      get(`${urls[0]}/`, { headers: { "x y": "z" } }),
      get("http://nowhere.invalid/"),
    ]);
  });
});

describe("axios", () => {
  const get =
    (url: string, options = {}) =>
    () =>
      axios.get(url, options);
  test("one status is one bug, whatever the address and the answer", async () => {
    const { title } = await expectOne([get(`${urls[0]}/status/503/1`), get(`${urls[1]}/status/503/2?q=17`)]);
    expect(title).toBe("AxiosError: Request failed with status code 503");
  });
  test("refused, cut and late, whatever the port and the limit", async () => {
    await expectOne(refused.map((port) => get(`http://127.0.0.1:${port}/`)));
    await expectOne(urls.map((url) => get(`${url}/cut/${url.slice(-2)}`)));
    await expectOne([get(`${urls[0]}/hang`, { timeout: 12 }), get(`${urls[1]}/hang`, { timeout: 31 })]);
    await expectOne(["nowhere.invalid", "elsewhere.invalid"].map((host) => get(`http://${host}/`)));
  });
  test("statuses and ways to fail are bugs of their own", async () => {
    await expectAllDifferent([
      ...[400, 401, 403, 404, 409, 422, 429, 500, 502, 503].map((status) => get(`${urls[0]}/status/${status}`)),
      get(`http://127.0.0.1:${refused[0]}/`),
      get(`${urls[0]}/cut`),
      get(`${urls[0]}/hang`, { timeout: 12 }),
      get(`${urls[0]}/loop`),
    ]);
  });
});

describe("pg, postgres.js and drizzle", () => {
  let client: pg.Pool;
  let sql: postgres.Sql;
  let db: ReturnType<typeof drizzle>;
  beforeAll(() => {
    client = new pg.Pool({ connectionString: databaseUrl, max: 2 });
    sql = postgres(databaseUrl, { max: 2, onnotice: () => undefined });
    db = drizzle(client);
  });
  afterAll(async () => {
    await client.end();
    await sql.end();
  });
  /** A statement that Postgres gives up on, whichever it is: a lock is held on all tables. */
  const late = async (work: (tx: Parameters<Parameters<typeof db.transaction>[0]>[0]) => Promise<unknown>) => {
    const holder = await client.connect();
    try {
      await holder.query("begin; lock table public.bills, public.parcels in access exclusive mode");
      await db.transaction(async (tx) => {
        await tx.execute("set local lock_timeout = 20");
        await work(tx);
      });
    } finally {
      await holder.query("rollback");
      holder.release();
    }
  };
  type Table = ReturnType<typeof pgTable<string, { id: ReturnType<typeof integer> }>>;
  const orders = pgTable("orders", { id: integer("id"), email: text("email"), total: integer("total") });
  const insert = (id: number, email: string | null, total: number) => ({
    pg: () => client.query("insert into shop.orders values ($1, $2, $3)", [id, email, total]),
    postgres: () => sql`insert into shop.orders values (${id}, ${email}, ${total})`,
    drizzle: () => db.insert(orders).values({ id, email, total }),
  });
  for (const by of ["pg", "postgres"] as const)
    test(`${by}: a constraint is a bug, whatever the values`, async () => {
      await expectOne([insert(1, "x@example.com", 3)[by], insert(2, "y@example.com", 4)[by]]);
      await expectOne([insert(7, "ann@example.com", 3)[by], insert(8, "bob@example.com", 4)[by]]);
      await expectOne([insert(7, "c@example.com", -3)[by], insert(8, "d@example.com", -44)[by]]);
      await expectAllDifferent([
        insert(1, "x@example.com", 3)[by],
        insert(7, "ann@example.com", 3)[by],
        insert(7, "c@example.com", -3)[by],
        insert(7, null, 3)[by],
      ]);
    });
  test("a missing table, a missing column, a bad value and bad syntax differ", async () => {
    for (const query of [
      (text: string, ...values: string[]) => client.query(text, values),
      (text: string, ...values: string[]) => sql.unsafe(text, values),
    ])
      await expectAllDifferent([
        () => query("select * from shop.parcels"),
        () => query("select * from shop.invoices"),
        () => query("select weight from shop.orders"),
        () => query("select $1::int", "seven"),
        () => query("selec 1"),
      ]);
  });
  test("a bad value is one bug, whatever it is, and wherever in the text", async () => {
    await expectOne(["seven", "8a", ""].map((value) => () => client.query("select $1::int", [value])));
    await expectOne(["seven", "8a"].map((value) => () => sql`select ${value}::text::int`));
    await expectOne([
      () => client.query("select weight from shop.orders"),
      () => client.query("select id,     weight from shop.orders"),
    ]);
  });
  test("drizzle: the query that failed is the bug, not its parameters", async () => {
    const find = (id: number) => () => db.select({ id: orders.id }).from(orders).where(eq(orders.id, id));
    await expectOne([find(17), find(4711)]);
    const row = { id: 1, email: "x", total: 1 };
    await expectOne(
      [1, 2, 30, 1000].map((rows) => () => db.insert(orders).values(Array.from({ length: rows }, () => row))),
    );
    const [parcels, bills] = ["parcels", "bills"].map((name) => pgTable(name, { id: integer("id") })) as [Table, Table];
    await expectAllDifferent([
      () => late(async (tx) => await tx.select({ id: parcels.id }).from(parcels)),
      () => late(async (tx) => await tx.select({ id: bills.id }).from(bills)),
    ]);
    await expectAllDifferent([
      find(17),
      () => db.select({ email: orders.email }).from(orders),
      insert(1, "x", 1).drizzle,
    ]);
  });
  test("a server that is not there, that does not know the password or the database", async () => {
    const connect = (url: string) => async () => {
      const one = new pg.Client({ connectionString: url, connectionTimeoutMillis: 2000 });
      try {
        await one.connect();
      } finally {
        await one.end().catch(() => undefined);
      }
    };
    const url = (change: (url: URL) => void) => {
      const made = new URL(databaseUrl);
      change(made);
      return made.href;
    };
    await expectOne(refused.map((port) => connect(url((made) => (made.port = String(port))))));
    await expectOne(["one", "other"].map((name) => connect(url((made) => (made.pathname = `/shop_${name}_2026`)))));
    const byPostgres = (port: number) => async () => {
      const one = postgres(
        url((made) => (made.port = String(port))),
        { max: 1, connect_timeout: 2 },
      );
      try {
        await one`select 1`;
      } finally {
        await one.end({ timeout: 0 });
      }
    };
    await expectOne(refused.map(byPostgres));
  });
  test("a statement that ran too long, whatever the limit", async () => {
    const late = (ms: number) => async () =>
      await sql.begin(async (tx) => {
        await tx.unsafe(`set local statement_timeout = ${ms}`);
        await tx`select pg_sleep(5)`;
      });
    await expectOne([late(10), late(25)]);
  });
});

describe("files, sockets and names", () => {
  test("a missing file is one bug per system call, whatever the path", async () => {
    const { title } = await expectOne([
      () => readFile(join(folder, "a.csv")),
      () => readFile(join(folder, "deep", "0197a3b2", "b.json")),
      () => readFile("/no/such/file"),
      () => readFile("relative.txt"),
    ]);
    expect(title).toBe("Error: ENOENT: no such file or directory, open <quoted>");
    await expectAllDifferent([
      () => readFile(join(folder, "a.csv")),
      () => readdir(join(folder, "a")),
      () => readFile(folder),
      () => rmdir(join(folder, "a")),
    ]);
  });
  test("a file where a folder should be, and the other way round", async () => {
    const file = join(folder, "file");
    await writeFile(file, "");
    await mkdir(join(folder, "full", "er"), { recursive: true });
    await expectAllDifferent([
      () => readFile(join(file, "x")),
      () => mkdir(file),
      () => rmdir(join(folder, "full")),
      async () => {
        const handle = await open(file, "r");
        await handle.close();
        await handle.read(Buffer.alloc(1), 0, 1, 0);
      },
    ]);
  });
  test("a name that nobody knows, whatever it is; a port that is closed, whatever it is", async () => {
    await expectOne(["nowhere.invalid", "a.b.invalid"].map((name) => () => dns.lookup(name)));
    const connect = (port: number) => async () => {
      const socket = net.connect(port, "127.0.0.1");
      try {
        await once(socket, "connect");
      } finally {
        socket.destroy();
      }
    };
    await expectOne(refused.map(connect));
    await expectAllDifferent([() => dns.lookup("nowhere.invalid"), connect(refused[0])]);
  });
});

describe("AWS SDK", () => {
  const s3 = (endpoint: string) =>
    new S3Client({
      endpoint,
      region: "eu-central-1",
      forcePathStyle: true,
      maxAttempts: 1,
      credentials: { accessKeyId: "key", secretAccessKey: "secret" },
    });
  const get = (endpoint: string, Bucket: string, Key: string) => () =>
    s3(endpoint).send(new GetObjectCommand({ Bucket, Key }));
  test("one refusal is one bug, whatever the key, the endpoint and the ids of the request (promise 15)", async () => {
    await expectOne([get(urls[0], "missing", "2026/a.parquet"), get(urls[1], "missing", "b/17.csv")]);
    await expectOne([get(urls[0], "secret", "a"), get(urls[1], "secret", "b")]);
    await expectOne(refused.map((port) => get(`http://127.0.0.1:${port}`, "any", String(port))));
  });
  test("refusals differ, and so does what was not reached", async () => {
    await expectAllDifferent([
      get(urls[0], "missing", "a"),
      get(urls[0], "nowhere", "a"),
      get(urls[0], "secret", "a"),
      get(`http://127.0.0.1:${refused[0]}`, "any", "a"),
      () => s3(urls[0]).send(new PutObjectCommand({ Bucket: undefined, Key: "a" })),
    ]);
  });
});

describe("zod, JSON and Temporal", () => {
  const order = z.object({
    id: z.number(),
    email: z.email(),
    total: z.number().positive(),
    state: z.enum(["new", "paid"]),
    lines: z.array(z.object({ sku: z.string().min(3) })),
  });
  const good = { id: 1, email: "ann@example.com", total: 2, state: "new", lines: [{ sku: "abc" }] };
  const parse = (other: object) => () => order.parse({ ...good, ...other });
  test("one rule that is broken is one bug, whatever the value, however often", async () => {
    await expectOne([parse({ total: -1 }), parse({ total: -200 })]);
    await expectOne([parse({ email: "ann" }), parse({ email: "bob@" })]);
    await expectOne([parse({ state: "sent" }), parse({ state: "lost" })]);
    await expectOne([parse({ lines: [{ sku: "a" }] }), parse({ lines: [{ sku: "abc" }, { sku: "" }, { sku: "ab" }] })]);
  });
  test("other fields and other rules are other bugs", async () => {
    await expectAllDifferent([
      parse({ total: -1 }),
      parse({ total: "2" }),
      parse({ id: "2" }),
      parse({ email: "ann" }),
      parse({ state: "sent" }),
      parse({ lines: [{ sku: "a" }] }),
      parse({ lines: undefined }),
    ]);
  });
  test("text that is no JSON, whatever the text and the place", async () => {
    const read = (text: string) => () => JSON.parse(text) as unknown;
    await expectOne([read('{"a":1,}'), read('{"title":"Vertigo","year":1958,}')]);
    await expectOne([read("<html>"), read("<!doctype html><body>")]);
    await expectOne([read('{"a": "b'), read('{"title": "Vert')]);
    await expectAllDifferent([read('{"a": "b'), read('{"a":1,}'), read("")]);
  });
  test("Temporal's own failures", async () => {
    const fail = (message: string, type: string) => () => {
      throw ApplicationFailure.nonRetryable(message, type);
    };
    await expectOne([fail("Order 17 is unknown", "UnknownOrder"), fail("Order 4711 is unknown", "UnknownOrder")]);
    await expectAllDifferent([fail("Order 17 is unknown", "UnknownOrder"), fail("Order 17 is unknown", "Gone")]);
    const late = (type: TimeoutType) => () => {
      throw new TimeoutFailure("activity timed out", undefined, type);
    };
    await expectAllDifferent([
      late(TimeoutType.START_TO_CLOSE),
      late(TimeoutType.HEARTBEAT),
      late(TimeoutType.SCHEDULE_TO_START),
    ]);
  });
});
