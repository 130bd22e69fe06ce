import { expect, test } from "vitest";
import { ownFrame } from "../../model/own-frame.ts";

const stackOf = (...frames: string[]) => ["Error: boom", ...frames.map((frame) => `    at ${frame}`)].join("\n");

test("the topmost frame that is neither Node's, nor a library's, nor ours", () => {
  expect(
    ownFrame(
      stackOf(
        "JSON.parse (<anonymous>)",
        "Object.openSync (node:fs:573:18)",
        "process.processTicksAndRejections (node:internal/process/task_queues:95:5)",
        "async Promise.all (index 0)",
        "Object.request (/app/node_modules/undici/index.js:10:5)",
        "Activity.execute (/app/node_modules/@temporalio/worker/lib/activity.js:3:1)",
        "runAttempt (/srv/dead-letter-office/dist/worker/attempt.js:3:1)",
        "async importMovie (/app/src/jobs/import-movie.ts:12:9)",
        "async main (/app/src/main.ts:1:1)",
      ),
    ),
  ).toBe("importMovie jobs/import-movie");
});

test("none where there is no own code, and none where there is no stack of V8", () => {
  expect(ownFrame(stackOf("afterConnect (node:net:1:1)"))).toBeUndefined();
  expect(ownFrame("")).toBeUndefined();
  expect(ownFrame('Error: boom\n  File "jobs.py", line 3, in run')).toBeUndefined();
});

test.each([
  ["source, with another line", "importMovie (/home/ann/movies/src/jobs/import-movie.ts:12:9)"],
  ["compiled by tsc", "importMovie (file:///app/dist/jobs/import-movie.js:44:2)"],
  ["compiled to CommonJS", "Object.importMovie [as default] (/app/build/jobs/import-movie.cjs:44:2)"],
  ["loaded by a watcher", "async importMovie (file:///app/src/jobs/import-movie.ts?t=1732000000:12:9)"],
  ["a bundle's chunk", "async importMovie (/srv/out/jobs/import-movie-BX3f9a2c.mjs:1:99999)"],
  ["webpack", "importMovie (webpack-internal:///./src/jobs/import-movie.ts:12:9)"],
  ["Windows", "importMovie (C:\\Users\\ann\\movies\\src\\jobs\\import-movie.ts:12:9)"],
  ["under folders of a release", "importMovie (/srv/releases/20240501/app/jobs/import-movie.js:1:1)"],
])("reads the same: %s", (_, frame) => {
  expect(ownFrame(stackOf(frame))).toBe("importMovie jobs/import-movie");
});

test.each([
  ["anonymous functions by their file", "/app/src/jobs/import-movie.ts:12:9", "jobs/import-movie"],
  ["anonymous async functions", "async file:///app/src/jobs/import-movie.ts:12:9", "jobs/import-movie"],
  ["top level code", "Object.<anonymous> (/app/src/main.ts:1:1)", "main"],
  ["constructors", "new Movie (/app/src/movie.ts:1:1)", "Movie movie"],
  ["methods by their class", "Catalogue.store (/app/src/catalogue.ts:1:1)", "Catalogue.store catalogue"],
  ["a word that is as long as a hash", "run (/app/src/import-customer.ts:1:1)", "run import-customer"],
  ["folders above, where none tells the sources", "run (/home/ann/x/orders/index.ts:1:1)", "run orders/index"],
  ["spaces", "run (file:///app/src/my%20jobs/a.ts:1:1)", "run my jobs/a"],
])("%s", (_, frame, expected) => {
  expect(ownFrame(stackOf(frame))).toBe(expected);
});

test("a real error of this file", () => {
  const importMovie = () => new Error("boom");
  expect(ownFrame(importMovie().stack ?? "")).toBe("importMovie pure/own-frame.test");
});

test("hostile stacks of a mebibyte end, as a search in quadratic time would not", () => {
  const last = "\n    at importMovie (/app/src/movies.ts:1:1)";
  for (const unit of ["at ", "\n", " ", "( ", "(eval ", "a:1"]) {
    const message = unit.repeat(Math.ceil(1_048_576 / unit.length));
    // Whoever writes two hundred lines into a message loses the frame, not the error.
    expect(ownFrame(message + last)).toBe(unit === "\n" ? undefined : "importMovie movies");
  }
  expect(ownFrame(`Error${"\n    at x (:1".repeat(100_000)}`)).toBeUndefined();
});
