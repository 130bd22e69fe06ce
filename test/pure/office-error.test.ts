import { expect, test } from "vitest";
import * as officeError from "../../model/office-error.ts";

const { errorCodeOf, officeErrorOf } = officeError;

test("carries its code, details and cause", () => {
  const cause = new Error("below");
  const error = officeErrorOf("LETTER_CLOSED", "closed", { id: "1" }, { cause });
  expect(error).toMatchObject({
    name: "OfficeError",
    code: "LETTER_CLOSED",
    details: { id: "1" },
    message: "closed",
    cause,
  });
  expect(officeErrorOf("USAGE", "wrong").details).toEqual({});
});

test("is known by its code, whatever its class", () => {
  expect(errorCodeOf(officeErrorOf("USAGE", "wrong"))).toBe("USAGE");
  expect(errorCodeOf({ code: "LETTER_CLOSED" })).toBe("LETTER_CLOSED");
  for (const other of [{ code: "ENOENT" }, { code: "toString" }, new Error("x"), null, undefined, "USAGE"])
    expect(errorCodeOf(other)).toBeUndefined();
});

test("each message says what is wrong, where, and what to do next", () => {
  const made = [
    officeError.letterNotFound("0197a3"),
    officeError.letterAmbiguous("01", ["0197a3", "0198b4"]),
    officeError.letterClosed("0197a3", "recovered"),
    officeError.letterBusy("0197a3", "discard"),
    officeError.inputInvalid("import-movie", ["title: expected string", "year: expected number"]),
    officeError.inputTooLarge("import-movie", 3_000_000, 2_000_000),
    officeError.jobInvalid("import-movie", "its name is taken"),
    officeError.jobUnknown("import-movies", ["import-movie"]),
    officeError.configInvalid("dlo.config.ts", 'Unknown key "job". Did you mean "jobs"?'),
    officeError.alreadyStarted("movie/1"),
    officeError.temporalUnreachable("127.0.0.1:7233", "connection refused"),
    officeError.databaseUnreachable("127.0.0.1:5432/app", "connection refused"),
    officeError.databaseUnset(),
    officeError.schemaMissing("127.0.0.1:5432/app"),
    officeError.schemaTooOld(3, 5),
    officeError.schemaTooNew(9, "2.0.0"),
    officeError.officeMismatch("dead-letter-office", "default"),
    officeError.waitTimeout("The job movie/1", "30 seconds"),
    officeError.usage("Give one id"),
    officeError.noWorker("import-movie", "jobs"),
    officeError.payloadOmitted("0197a3"),
  ];
  const told = made.map((error) => `${error.code}: ${error.message}`);
  expect(made.map(errorCodeOf)).not.toContain(undefined);
  expect(told).toMatchInlineSnapshot(`
    [
      "LETTER_NOT_FOUND: There is no dead letter 0197a3. To see those there are: dlo list",
      "LETTER_AMBIGUOUS: The short id 01 fits several dead letters: 0197a3, 0198b4. Give more of it",
      "LETTER_CLOSED: Dead letter 0197a3 is closed (recovered) and takes no command but "note". To run its job again, start it anew: dlo start",
      "LETTER_BUSY: Dead letter 0197a3 is being retried, so "discard" is refused. Wait for the outcome: dlo show 0197a3",
      "INPUT_INVALID: The input of job "import-movie" does not fit its schema:
    - title: expected string
    - year: expected number",
      "INPUT_TOO_LARGE: The input of job "import-movie" has 3000000 bytes, and at most 2000000 pass through Temporal. Store the data elsewhere and give the job a reference to it",
      "JOB_INVALID: Job "import-movie" cannot be defined: its name is taken",
      "JOB_UNKNOWN: There is no job "import-movies". Did you mean "import-movie"? (known jobs: import-movie)",
      "CONFIG_INVALID: dlo.config.ts: Unknown key "job". Did you mean "jobs"?",
      "ALREADY_STARTED: A run of "movie/1" is under way, or has succeeded. Wait for it, or give new work another id",
      "TEMPORAL_UNREACHABLE: Temporal cannot be reached at 127.0.0.1:7233: connection refused. Is it running, and is the address right? For a local one: dlo dev",
      "DATABASE_UNREACHABLE: Postgres cannot be reached at 127.0.0.1:5432/app: connection refused. Is it running, and is DLO_DATABASE_URL right?",
      "DATABASE_UNSET: No database is given. Set DLO_DATABASE_URL, pass --database-url, or start a local stack: dlo dev",
      "SCHEMA_MISSING: The database 127.0.0.1:5432/app has no schema "dlo" yet. To create it: dlo setup",
      "SCHEMA_TOO_OLD: The database's schema is at migration 3, and this version needs 5. To bring it up: dlo setup",
      "SCHEMA_TOO_NEW: The database's schema is at migration 9, which needs dead-letter-office 2.0.0 or newer. Upgrade this process",
      "OFFICE_MISMATCH: The office "dead-letter-office" of namespace "default" keeps its letters in another database. Connect to that one, or give this office a name of its own",
      "WAIT_TIMEOUT: The job movie/1 did not end within 30 seconds. Only the waiting has ended: the work goes on",
      "USAGE: Give one id",
      "NO_WORKER: No worker of job "import-movie" answered on task queue "jobs" within 10 seconds, so the new input could not be checked. Start one, or pass unchecked: true to do without",
      "PAYLOAD_OMITTED: Dead letter 0197a3 was stored without its payload, so its retry needs one: dlo retry 0197a3 --input '…'",
    ]
  `);
});
