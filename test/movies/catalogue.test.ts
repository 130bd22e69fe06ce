import { spawn } from "node:child_process";
import { once } from "node:events";
import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeEach, describe, expect, onTestFailed, onTestFinished, test } from "vitest";
import { startCatalogue } from "../../examples/movies/catalogue.ts";
import type { Violation } from "../../examples/movies/good-movie.ts";
import { loadRecords, rawMovie, recordId, type RawMovie } from "../../examples/movies/records.ts";
import { BadRecord, CatalogueError, sendMovie } from "../../examples/movies/send-movie.ts";

const records = loadRecords();
const landGirls = recordOf("The Land Girls");
const firstLove = recordOf("First Love, Last Rites");
const root = mkdtempSync(join(tmpdir(), "catalogue-"));
let evidence = false;
let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(root, "store-"));
  onTestFailed(() => {
    evidence = true;
  });
});

afterAll(() => {
  if (evidence) console.error(`The catalogues' stores are kept in ${root}`);
  else rmSync(root, { recursive: true });
});

describe("the records", () => {
  test("all 3,201 fit the raw schema, and each has an id of its own", () => {
    expect(records).toHaveLength(3_201);
    expect(new Set(records.map((_, index) => recordId(index))).size).toBe(3_201);
    expect([recordId(0), recordId(3_200)]).toEqual(["movie-0001", "movie-3201"]);
    expect(() => recordId(-1)).toThrow("whole number from 0");
  });

  test("an unknown key, a missing field and a date of another shape are refused by the raw schema", () => {
    const { Director: _, ...incomplete } = recordOf("Duel in the Sun");
    expect(rawMovie.safeParse({ ...recordOf("Duel in the Sun"), Titel: "Duel" }).success).toBe(false);
    expect(rawMovie.safeParse(incomplete).success).toBe(false);
    expect(rawMovie.safeParse({ ...recordOf("Duel in the Sun"), "Release Date": "1946-12-31" }).success).toBe(false);
  });
});

describe("what the catalogue takes", () => {
  test("37 of all records are bad: 10 titles, 22 dates, 7 grosses; the rest is stored once", async () => {
    await using catalogue = await startCatalogue({ folder });
    const refusals = await sendAll(catalogue.url, records);

    const bad = [...refusals.keys()];
    expect(bad).toHaveLength(37);
    expect([100, 200, 500, 1_000].map((first) => bad.filter((index) => index < first).length)).toEqual([9, 13, 23, 26]);
    const fields = [...refusals.values()].flat().map(({ field }) => field);
    expect(fields.filter((field) => field === "Title")).toHaveLength(10);
    expect(fields.filter((field) => field === "Release Date")).toHaveLength(22);
    expect(fields.filter((field) => field === "US Gross")).toHaveLength(7);
    expect(fields).toHaveLength(39);
    expect(await get(catalogue.url, "/report")).toEqual({ stored: 3_164, repeats: 0, refused: 37, secondEffects: [] });
    expect(await get(catalogue.url, "/movies/count")).toEqual({ stored: 3_164 });

    const stored = (await get(catalogue.url, "/movies")) as { key: string; movie: RawMovie }[];
    const good = records.flatMap((movie, index) => (refusals.has(index) ? [] : [[recordId(index), movie] as const]));
    expect(new Map(stored.map(({ key, movie }) => [key, movie]))).toEqual(new Map(good));
  });

  test("a refusal lists everything that is wrong, in plain words", async () => {
    await using catalogue = await startCatalogue({ folder });
    const refused = (record: unknown) => send(catalogue.url, record as RawMovie, "movie-x");
    const wings = recordOf("Wings");

    await expect(refused({ ...wings, Title: 1927 })).rejects.toThrow(
      "Title must be text, but is the number 1927; US Gross is missing; " +
        'Release Date lies after 2012: "Aug 12 2027" (was 1927 meant?)',
    );
    await expect(refused(wings)).rejects.toBeInstanceOf(BadRecord);
    await expect(refused(wings)).rejects.toMatchObject({
      violations: [
        { field: "US Gross", problem: "is missing" },
        { field: "Release Date", problem: 'lies after 2012: "Aug 12 2027" (was 1927 meant?)' },
      ],
    });
    await expect(refused(recordOf(null))).rejects.toThrow(/^Title is missing$/);
    await expect(refused({ ...wings, Titel: "Wings" })).rejects.toThrow(/Titel is no field of a movie/);
    await expect(refused({ ...recordOf("Duel in the Sun"), "Release Date": "Feb 30 1946" })).rejects.toThrow(
      /^Release Date is a day that no calendar has: "Feb 30 1946"$/,
    );
    await expect(refused({ ...recordOf("Duel in the Sun"), "Release Date": "1946-12-31" })).rejects.toThrow(
      /^Release Date must be written like "Jun 12 1998"$/,
    );
    await expect(refused(["no", "record"])).rejects.toBeInstanceOf(BadRecord);
    expect(catalogue.report()).toMatchObject({ stored: 0, refused: 8 });
  });

  test("the 1946 film dated 2046 is taken under its own key once it is mended", async () => {
    await using catalogue = await startCatalogue({ folder });
    const duel = recordOf("Duel in the Sun");
    await expect(send(catalogue.url, duel, "movie-duel")).rejects.toBeInstanceOf(BadRecord);
    const mended = { ...duel, "Release Date": "Dec 31 1946" };
    expect(await send(catalogue.url, mended, "movie-duel")).toBe("stored");
    expect(catalogue.report()).toEqual({ stored: 1, repeats: 0, refused: 1, secondEffects: [] });
  });

  test("what is no request of its own kind is answered with what to do", async () => {
    await using catalogue = await startCatalogue({ folder });
    const post = (body: string, headers: Record<string, string>) =>
      fetch(`${catalogue.url}/movies`, { method: "POST", body, headers }).then((response) => response.status);
    expect(await post(JSON.stringify(records[0]), {})).toBe(400);
    expect(await post("{", { "idempotency-key": "movie-x" })).toBe(400);
    expect(await post(" ".repeat(70_000), { "idempotency-key": "movie-x" })).toBe(413);
    expect((await fetch(`${catalogue.url}/films`)).status).toBe(404);
    expect(catalogue.report()).toEqual({ stored: 0, repeats: 0, refused: 0, secondEffects: [] });
  });
});

describe("once per idempotency key", () => {
  test("twenty sendings of one record at the same time store it once", async () => {
    await using catalogue = await startCatalogue({ folder });
    const movie = landGirls;
    const outcomes = await Promise.all(Array.from({ length: 20 }, () => send(catalogue.url, movie, "movie-0001")));
    expect(outcomes.filter((outcome) => outcome === "stored")).toHaveLength(1);
    // The order of an object's fields is nothing that a sender owes.
    const reversed = Object.fromEntries(Object.entries(movie).reverse()) as RawMovie;
    expect(await send(catalogue.url, reversed, "movie-0001")).toBe("repeated");
    expect(catalogue.report()).toEqual({ stored: 1, repeats: 20, refused: 0, secondEffects: [] });
  });

  test("another record under a known key is refused and reported, and so is one that is bad as well", async () => {
    await using catalogue = await startCatalogue({ folder });
    await send(catalogue.url, landGirls, "movie-0001");
    const other = send(catalogue.url, firstLove, "movie-0001");
    await expect(other).rejects.toBeInstanceOf(CatalogueError);
    await expect(other).rejects.toMatchObject({ status: 409 });
    const bad = send(catalogue.url, recordOf("Wings"), "movie-0001");
    await expect(bad).rejects.toMatchObject({ status: 409 });

    const conflict = { kind: "another_body", key: "movie-0001" };
    expect(catalogue.report()).toMatchObject({ stored: 1, refused: 0, secondEffects: [conflict, conflict] });
    expect(await get(catalogue.url, "/movies")).toMatchObject([{ key: "movie-0001", movie: landGirls }]);
  });

  test("a sender that makes up a new key stores its movie twice, and the report says so", async () => {
    await using catalogue = await startCatalogue({ folder });
    await send(catalogue.url, landGirls, "movie-0001");
    expect(await send(catalogue.url, landGirls, "attempt-2")).toBe("stored");
    expect(await get(catalogue.url, "/report")).toMatchObject({
      stored: 2,
      secondEffects: [{ kind: "same_movie", key: "attempt-2", firstKey: "movie-0001" }],
    });
  });
});

describe("the store", () => {
  test("a restart keeps what was stored and every second effect", async () => {
    const first = await startCatalogue({ folder });
    await sendAll(first.url, records.slice(0, 100));
    await expect(send(first.url, firstLove, recordId(0))).rejects.toMatchObject({ status: 409 });
    await send(first.url, landGirls, "attempt-2");
    const { secondEffects } = first.report();
    await first.stop();
    await first.stop();
    await expect(first.comeBack()).rejects.toThrow("was stopped");

    await using second = await startCatalogue({ folder });
    expect(secondEffects).toHaveLength(2);
    expect(second.report()).toEqual({ stored: 92, repeats: 0, refused: 0, secondEffects });
    expect(await send(second.url, landGirls, recordId(0))).toBe("repeated");
  });

  test("a half-written last line is dropped, and its record can be sent again", async () => {
    const first = await startCatalogue({ folder });
    await send(first.url, landGirls, "movie-a");
    await send(first.url, firstLove, "movie-b");
    await first.stop();
    const whole = readFileSync(journal(), "utf8");
    writeFileSync(journal(), whole.slice(0, -20));

    const second = await startCatalogue({ folder });
    expect(second.report().stored).toBe(1);
    expect(await send(second.url, firstLove, "movie-b")).toBe("stored");
    await second.stop();

    await using third = await startCatalogue({ folder });
    expect(third.report()).toMatchObject({ stored: 2, secondEffects: [] });
  });

  test("a damaged line is not passed over: the start names it", async () => {
    appendFileSync(journal(), "no json\n{}\n");
    await expect(startCatalogue({ folder })).rejects.toThrow(`${journal()}:1 is not a line of the catalogue`);
  });

  test("kill -9 in the middle of an import loses nothing that was confirmed", async () => {
    const source = new URL("../../examples/movies/catalogue.ts", import.meta.url).href;
    const script = `import { startCatalogue } from ${JSON.stringify(source)};
      console.log((await startCatalogue({ folder: ${JSON.stringify(folder)} })).url);`;
    const child = spawn(process.execPath, ["--import", "tsx", "--input-type=module", "--eval", script], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    onTestFinished(() => void child.kill("SIGKILL"));
    const exited = once(child, "exit");
    const url = String((await once(child.stdout, "data"))[0]).trim();

    const confirmed: string[] = [];
    const lost: unknown[] = [];
    await inParallel(records.slice(0, 600), async (record, index) => {
      try {
        await send(url, record, recordId(index));
        if (confirmed.push(recordId(index)) === 200) child.kill("SIGKILL");
      } catch (error) {
        if (!(error instanceof BadRecord)) lost.push(error);
      }
    });
    await exited;
    expect(lost.length).toBeGreaterThan(0);

    await using catalogue = await startCatalogue({ folder });
    const stored = (await get(catalogue.url, "/movies")) as { key: string }[];
    expect(stored.map(({ key }) => key)).toEqual(expect.arrayContaining(confirmed));
    await sendAll(catalogue.url, records.slice(0, 600));
    const good = 600 - catalogue.report().refused;
    expect(catalogue.report()).toMatchObject({ stored: good, secondEffects: [] });
  }, 30_000);
});

describe("an outage", () => {
  test("clients are refused while it is down, and served on the same address when it is back", async () => {
    await using catalogue = await startCatalogue({ folder });
    const { url } = catalogue;
    await send(url, landGirls, "movie-a");

    await catalogue.goDown();
    await catalogue.goDown();
    const during = await send(url, firstLove, "movie-b").catch((error: unknown) => error);
    expect(during).toBeInstanceOf(TypeError);
    expect(during).toMatchObject({ message: "fetch failed", cause: { code: "ECONNREFUSED" } });

    await catalogue.comeBack();
    await catalogue.comeBack();
    expect(catalogue.url).toBe(url);
    expect(await send(url, firstLove, "movie-b")).toBe("stored");
    expect(await send(url, landGirls, "movie-a")).toBe("repeated");
    expect(catalogue.report()).toMatchObject({ stored: 2, repeats: 1, secondEffects: [] });
  });

  test("a request that is under way is reset", async () => {
    await using catalogue = await startCatalogue({ folder });
    const sending = request(`${catalogue.url}/movies`, {
      method: "POST",
      headers: { "idempotency-key": "movie-a", "content-length": "400", expect: "100-continue" },
    });
    const failed = once(sending, "error");
    sending.flushHeaders();
    // The server has the request once it asks for the body.
    await once(sending, "continue");
    sending.write("{");
    await catalogue.goDown();
    // The kernel's own error: Node calls a mere hang-up ECONNRESET too, but without a system call.
    expect(await failed).toMatchObject([{ code: "ECONNRESET", syscall: expect.any(String) }]);
    expect(catalogue.report().stored).toBe(0);
  });

  test("an import through an outage stores every good record exactly once", async () => {
    await using catalogue = await startCatalogue({ folder });
    const failures: unknown[] = [];
    let sent = 0;
    await inParallel(records.slice(0, 400), async (record, index) => {
      sent += 1;
      if (sent === 150) await catalogue.goDown();
      if (sent === 200) await catalogue.comeBack();
      await send(catalogue.url, record, recordId(index)).catch((error: unknown) => failures.push(error));
    });
    expect(failures.filter((error) => error instanceof TypeError).length).toBeGreaterThan(0);

    const refused = await sendAll(catalogue.url, records.slice(0, 400));
    const { stored, secondEffects } = catalogue.report();
    expect(stored).toBe(400 - refused.size);
    expect(secondEffects).toEqual([]);
  });

  test("a taken port is refused with its number, and the store is free again", async () => {
    await using catalogue = await startCatalogue({ folder: join(folder, "first") });
    const second = startCatalogue({ folder: join(folder, "second"), port: catalogue.port });
    await expect(second).rejects.toThrow(`can't listen on 127.0.0.1:${catalogue.port}`);
    await (await startCatalogue({ folder: join(folder, "second") })).stop();
  });

  test("it can be stopped while it is down", async () => {
    const catalogue = await startCatalogue({ folder });
    await catalogue.goDown();
    await catalogue.stop();
    await expect(get(catalogue.url, "/report")).rejects.toMatchObject({ cause: { code: "ECONNREFUSED" } });
  });
});

function recordOf(title: string | null): RawMovie {
  const record = records.find(({ Title }) => Title === title);
  if (!record) throw new Error(`No record has the title ${title}`);
  return record;
}

function journal(): string {
  return join(folder, "catalogue.jsonl");
}

/** A signal for each, as in a job: on a shared one the listeners of thousands of requests would pile up. */
function send(url: string, record: RawMovie, key: string): Promise<"stored" | "repeated"> {
  return sendMovie(url, record, key, new AbortController().signal);
}

async function get(url: string, path: string): Promise<unknown> {
  return (await fetch(url + path)).json();
}

/** Sends all, and gives the violations of those that were refused, by index. */
async function sendAll(url: string, some: readonly RawMovie[]): Promise<Map<number, readonly Violation[]>> {
  const refusals = new Map<number, readonly Violation[]>();
  await inParallel(some, async (record, index) => {
    try {
      await send(url, record, recordId(index));
    } catch (error) {
      if (!(error instanceof BadRecord)) throw error;
      refusals.set(index, error.violations);
    }
  });
  return refusals;
}

/** Twenty at a time. */
async function inParallel<T>(items: readonly T[], work: (item: T, index: number) => Promise<unknown>): Promise<void> {
  const queue = items.entries();
  const lane = async () => {
    for (const [index, item] of queue) await work(item, index);
  };
  await Promise.all(Array.from({ length: 20 }, lane));
}
