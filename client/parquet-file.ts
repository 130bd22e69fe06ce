import { ByteWriter, ParquetWriter } from "hyparquet-writer";
import type { ExportColumn, ExportType } from "../schema/export-columns.ts";

/**
 * Rows of a binary `COPY` as a Parquet file, a row group at a time.
 *
 * A group ends at 10,000 rows or 8 MiB, whichever
 * comes first: that, and some numbers for each group, is all that is held.
 */
export async function* parquetFile(
  columns: readonly ExportColumn[],
  batches: AsyncIterable<readonly Buffer[]>,
): AsyncGenerator<{ readonly bytes: Uint8Array; readonly rows: number }> {
  const writer = new ByteWriter(groupBytes);
  const file = new ParquetWriter({
    writer,
    schema: [{ name: "letters", num_children: columns.length }, ...columns.map(schemaOf)],
    createdBy: "dead-letter-office",
  });
  const reader = new RowReader(columns);
  for await (const batch of batches) {
    for (const message of batch) reader.read(message);
    if (reader.rows >= groupRows || reader.bytes >= groupBytes) yield await flush();
  }
  yield await flush();
  await file.finish();
  yield { bytes: taken(writer), rows: 0 };

  async function flush() {
    const { rows } = reader;
    if (rows > 0) await file.write({ columnData: reader.take(), rowGroupSize: rows });
    return { bytes: taken(writer), rows };
  }
}

const groupRows = 10_000;
const groupBytes = 8 << 20;

/** What has been written since the last time; its place in the file is counted on. */
function taken(writer: ByteWriter): Uint8Array {
  const bytes = writer.getBytes().slice();
  writer.index = 0;
  return bytes;
}

type SchemaElement = ConstructorParameters<typeof ParquetWriter>[0]["schema"][number];
type ColumnData = Parameters<ParquetWriter["write"]>[0]["columnData"][number];

/** Ids and JSON are texts: of their own types many a reader makes bytes. */
function schemaOf({ name, type, required }: ExportColumn): SchemaElement {
  return { name, ...parquetTypes[type], repetition_type: required ? "REQUIRED" : "OPTIONAL" };
}

const text = { type: "BYTE_ARRAY", converted_type: "UTF8" } as const;
const parquetTypes: Readonly<Record<ExportType, Omit<SchemaElement, "name">>> = {
  text,
  uuid: text,
  json: text,
  list: text,
  moment: { type: "INT64", converted_type: "TIMESTAMP_MILLIS" },
  integer: { type: "INT32" },
  bigint: { type: "INT64" },
  boolean: { type: "BOOLEAN" },
};

type Value = Uint8Array | string | bigint | number | boolean | null;

/** Reads the messages of a binary `COPY`, of which each has whole rows, into columns. */
class RowReader {
  rows = 0;
  bytes = 0;
  #columns: readonly { readonly name: string; readonly type: ExportType; readonly data: Value[] }[];
  #begun = false;

  constructor(columns: readonly ExportColumn[]) {
    this.#columns = columns.map(({ name, type }) => ({ name, type, data: [] }));
  }

  read(message: Buffer): void {
    let at = 0;
    if (!this.#begun) {
      // A signature of 11 bytes, flags, and a header extension that may be skipped.
      at = 19 + message.readInt32BE(15);
      this.#begun = true;
    }
    // A row begins with its number of columns, and the trailer has -1 there.
    while (at < message.length && message.readInt16BE(at) >= 0) {
      at += 2;
      for (const { type, data } of this.#columns) {
        const length = message.readInt32BE(at);
        at += 4;
        data.push(length < 0 ? null : readers[type](message, at, length));
        at += Math.max(length, 0);
      }
      this.rows++;
    }
    this.bytes += message.length;
  }

  /** What has been read since the last time. */
  take(): ColumnData[] {
    const taken = this.#columns;
    this.#columns = taken.map(({ name, type }) => ({ name, type, data: [] }));
    this.rows = 0;
    this.bytes = 0;
    // Bounds of JSON say nothing, and cost as much as writing it. No two ids and hardly two inputs are alike: a dictionary of them is work for nothing.
    return taken.map(({ name, type, data }) => ({
      ...{ name, data, statistics: type !== "json" },
      ...(type === "json" || type === "uuid" ? { encoding: "PLAIN" as const } : {}),
    }));
  }
}

type Read = (message: Buffer, at: number, length: number) => Value;

const asText: Read = (message, at, length) => message.toString("utf8", at, at + length);
/** Postgres counts from 2000, in microseconds. */
const epochMs = Date.UTC(2000, 0, 1);

const readers: Readonly<Record<ExportType, Read>> = {
  text: asText,
  uuid: asText,
  // Large, and never looked at: from the server's bytes into the file's.
  json: (message, at, length) => message.subarray(at, at + length),
  list: asText,
  moment: (message, at) => BigInt((message.readInt32BE(at) * 2 ** 32 + message.readUInt32BE(at + 4)) / 1000 + epochMs),
  integer: (message, at) => message.readInt32BE(at),
  bigint: (message, at) => message.readBigInt64BE(at),
  boolean: (message, at) => message[at] === 1,
};
