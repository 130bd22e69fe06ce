import type { Readable } from "node:stream";
import type { SQL } from "drizzle-orm";
import type { ReservedSql } from "postgres";
import postgres from "postgres";
import { connectionOptions } from "./database.ts";
import { describeTarget, translateError } from "./translate-error.ts";
import { withLiterals } from "./with-literals.ts";

/**
 * Runs a query by `COPY … TO STDOUT` and yields what the server sends, one message a row, some 64 KiB at a time: as fast as
 * rows leave Postgres, in constant memory, at the reader's pace.
 *
 * All is read from one snapshot, on a connection of its own. Whoever stops reading stops the query.
 *
 * @param ask makes the query; its own questions see the same snapshot
 * @param format of `COPY`
 */
export async function* copyOut(
  url: string,
  ask: (connection: ReservedSql) => Promise<SQL> | SQL,
  format: SQL,
): AsyncGenerator<readonly Buffer[]> {
  const sql = postgres(url, { ...connectionOptions, max: 1 });
  let source: Readable | undefined;
  let pid = 0;
  try {
    const connection = await sql.reserve();
    await connection`begin isolation level repeatable read read only`;
    [{ pid }] = await connection<[{ pid: number }]>`select pg_backend_pid() as pid`;
    const statement = await withLiterals(connection, await ask(connection));
    const options = await withLiterals(connection, format);
    source = await connection.unsafe(`copy (${statement}) to stdout (${options})`).readable();
    yield* batchesOf(source);
    await connection`commit`;
    connection.release();
  } catch (error) {
    throw translateError(error, describeTarget(url));
  } finally {
    if (source !== undefined && !source.readableEnded && !source.destroyed) await stop(url, source, pid);
    await sql.end({ timeout: 1 });
  }
}

const batchBytes = 65_536;

async function* batchesOf(source: Readable): AsyncGenerator<readonly Buffer[]> {
  let batch: Buffer[] = [];
  let bytes = 0;
  let ended = false;
  let failure: Error | undefined;
  let wake: () => void = () => undefined;
  source.on("data", (row: Buffer) => {
    batch.push(row);
    bytes += row.length;
    if (bytes < batchBytes) return;
    source.pause();
    wake();
  });
  source.on("end", () => {
    ended = true;
    wake();
  });
  source.on("error", (error: Error) => {
    ended = true;
    failure = error;
    wake();
  });
  for (;;) {
    if (bytes < batchBytes && !ended) await new Promise<void>((resolve) => (wake = resolve));
    const full = batch;
    batch = [];
    bytes = 0;
    // The next batch fills while this one is being used.
    if (!ended) source.resume();
    if (full.length > 0) yield full;
    if (ended && batch.length === 0) break;
  }
  if (failure !== undefined) throw failure;
  goOnReading(source);
}

/**
 * Where the last rows come while the stream is full, postgres.js pauses its socket and never resumes it: the end of the
 * statement would stay unread, and the connection wait for ever.
 */
function goOnReading(source: Readable): void {
  source._read(0);
}

/** The server is sending, and hears a cancellation only if what it has sent is read. */
async function stop(url: string, source: Readable, pid: number): Promise<void> {
  const over = new Promise<void>((resolve) => source.once("close", resolve).once("error", () => resolve()));
  source.removeAllListeners("data");
  source.resume();
  const other = postgres(url, { ...connectionOptions, max: 1 });
  try {
    await other`select pg_cancel_backend(${pid})`;
  } catch {
    // Then it is read to its end.
  } finally {
    await other.end({ timeout: 1 });
  }
  await over;
  goOnReading(source);
}
