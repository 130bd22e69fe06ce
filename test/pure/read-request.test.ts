import { expect, test } from "vitest";
import { OfficeError } from "../../model/office-error.ts";
import { mostOptionsBytes, readRequest, type RequestRow } from "../../model/read-request.ts";

const redriveId = "01a20ff3-7b82-517d-8b41-454af7ec025b";
const letterId = "01a20ff3-7b82-717d-8b41-454af7ec025b";
const row = (given: Partial<Omit<RequestRow, "options">> & { options?: unknown }): RequestRow => {
  const options = given.options === undefined ? null : JSON.stringify(given.options);
  return {
    ...{ id: "7", command: "retry", letterId: null, filter: null, reason: null, by: "ann", askedAtMs: 1000 },
    optionsBytes: options?.length ?? 0,
    ...given,
    options,
  };
};

test("a letter id is a command, signed by the database user", () => {
  expect(readRequest(row({ letterId, reason: "it is back", options: { after: "1 hour" } }), redriveId)).toEqual({
    letterId,
    command: { name: "retry", after: "1 hour", by: "ann", reason: "it is back" },
  });
  expect(readRequest(row({ letterId, command: "discard", options: null }), redriveId)).toEqual({
    letterId,
    command: { name: "discard", by: "ann" },
  });
});

test("a filter is a redrive: what the command takes goes to the command, the rest to the redrive", () => {
  const options = { retention: "60 days", rate: 50, maxInFlight: 5 };
  expect(readRequest(row({ command: "extend", filter: "job:a failed:<4h", options }), redriveId)).toMatchObject({
    redrive: {
      ...{ id: redriveId, by: "ann", askedAtMs: 1000, command: { name: "extend", retention: "60 days" } },
      members: { filter: { job: "a" } },
      limits: { rate: 50, maxInFlight: 5 },
    },
  });
  const amend = { patch: [{ op: "replace", path: "/year", value: 1927 }] };
  expect(readRequest(row({ filter: "job:a", options: { amend, force: true } }), redriveId)).toMatchObject({
    redrive: { command: { name: "retry" }, amend, force: true },
  });
});

test("reopening is a redrive, also of one letter", () => {
  const command = { name: "reopen" };
  expect(readRequest(row({ command: "reopen", letterId }), redriveId)).toMatchObject({
    redrive: { id: redriveId, command, members: { ids: [letterId] } },
  });
  expect(readRequest(row({ command: "reopen", filter: "job:a closed:<1d" }), redriveId)).toMatchObject({
    redrive: { command, members: { filter: { job: "a" } } },
  });
});

test.each<[Parameters<typeof row>[0], string, string]>([
  [{}, "USAGE", "exactly one of them"],
  [{ letterId, filter: "job:a" }, "USAGE", "exactly one of them"],
  [{ letterId, command: "rety" }, "USAGE", 'Did you mean "retry"?'],
  [{ letterId, command: "drop table dlo.requests" }, "USAGE", "Unknown command"],
  [{ letterId, command: "x".repeat(20_000) }, "USAGE", "Unknown command"],
  [{ letterId, command: "note" }, "USAGE", "text must be a text"],
  [{ letterId, command: "note", options: { text: 5 } }, "USAGE", "text must be a text"],
  [{ letterId, command: "extend", options: { retention: "soon" } }, "USAGE", "retention"],
  [{ letterId, options: [1] }, "USAGE", "options must be an object"],
  [{ letterId, options: "retry" }, "USAGE", "options must be an object"],
  [{ letterId, options: { by: "mallory" } }, "USAGE", "by is the database user"],
  [{ letterId, options: { redrive: letterId } }, "USAGE", 'Unknown option of "retry" for one letter "redrive"'],
  [{ letterId, options: { rate: 5 } }, "USAGE", 'Unknown option of "retry" for one letter "rate"'],
  [{ letterId, options: JSON.parse('{"__proto__":{"by":"mallory"}}') }, "USAGE", "__proto__"],
  [{ letterId, reason: "r".repeat(20_000) }, "USAGE", "reason has 20000 characters"],
  [{ letterId, optionsBytes: mostOptionsBytes + 1 }, "INPUT_TOO_LARGE", "at most 1500000"],
  [{ filter: "" }, "USAGE", "An empty filter would mean all letters"],
  [{ filter: "jb:a" }, "USAGE", 'Did you mean "job"?'],
  [{ filter: `job:${"a".repeat(20_000)}` }, "USAGE", "at most 10000 are taken"],
  [{ filter: "job:a namespace:other" }, "USAGE", "cannot name a namespace"],
  [{ filter: "job:a", options: { command: { name: "discard" } } }, "USAGE", 'no place for "command"'],
  [{ filter: "job:a", options: { after: "1 hour" } }, "USAGE", 'Unknown redrive option "after"'],
  [{ filter: "job:a", options: { cancel: true } }, "USAGE", 'Unknown redrive option "cancel"'],
  [{ filter: "job:a", options: { rate: "fast" } }, "USAGE", "rate must be from 0.1 to 500"],
  [{ filter: "job:a", options: { amend: 5 } }, "USAGE", "amend must be { patch"],
  [{ filter: "job:a", options: { order: 5 } }, "USAGE", "order"],
  [{ filter: "job:a", options: { settle: {} } }, "USAGE", "settle"],
])("%j is refused", (given, code, message) => {
  const refused = (() => {
    try {
      return readRequest(row(given), redriveId);
    } catch (error) {
      return error;
    }
  })();
  expect(refused).toBeInstanceOf(OfficeError);
  expect(refused).toMatchObject({ code, message: expect.stringContaining(message) as string });
});
