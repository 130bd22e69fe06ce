import { expect, test } from "vitest";
import type { LetterRow } from "../../../client/index.ts";
import { letterTable } from "../../../cli/letter-table.ts";

const letter = {
  id: "0197a3b2-1c4d-7abc-8def-000000000001",
  workflowId: "import-movie/1946",
  job: "import-movie",
  status: "parked",
  category: "data",
  errorType: "BadRecord",
  errorMessage: `The catalogue refuses\nthis record: \u001b[31mRelease Date ${"lies after 2012, ".repeat(20)}`,
  deaths: 2,
  failedAt: new Date(),
  expiresAt: null,
  retryAt: null,
  retryWhen: null,
  key: null,
} as unknown as LetterRow;

test.each([200, 120, 100, 80])("fits a terminal of %i columns, and cuts only the error", (columns) => {
  const lines = letterTable([letter], columns).split("\n");
  expect(lines).toHaveLength(2);
  for (const line of lines) expect(line.length).toBeLessThanOrEqual(columns);
  expect(lines[1]).toMatch(/^0197a3b2-1c4d  parked .*BadRecord: The .*…/);
  expect(lines[1]).toContain("1946");
});

test("on 80 columns a long name is cut so that no line breaks, and the error keeps room", () => {
  const named = {
    ...letter,
    status: "discarded",
    category: "rate_limit",
    key: "Over the Hill to the Poorhouse",
  } as const;
  const lines = letterTable([named, { ...letter, failedAt: new Date(Date.now() - 59_000) }], 80).split("\n");
  for (const line of lines) expect(line.length).toBeLessThanOrEqual(80);
  expect(lines[1]).toMatch(/ {2}Over the Hi.*…  rate_limit {2}BadRecord: The /);
});

test("text of others moves no cursor and breaks no line", () => {
  const table = letterTable([letter], undefined);
  expect(table.split("\n")).toHaveLength(2);
  expect(table).not.toContain("\u001b");
});

test("what has no key shows its workflow id without the job's name, and indefinite never expires", () => {
  const line = letterTable([letter], 200).split("\n")[1]!;
  expect(line).toMatch(/import-movie  1946 /);
  expect(line).toMatch(/now +never$/);
});
