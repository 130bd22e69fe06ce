import { expect, test } from "vitest";
import { letterDetails, letterSummary } from "../../model/letter-details.ts";
import type { LetterState } from "../../model/letter-state.ts";

const parked: LetterState = {
  version: 1,
  letterId: "0197a3c0-0000-7000-8000-000000000001",
  jobWorkflowId: "import-movie/1946",
  job: "import-movie",
  taskQueue: "jobs",
  queue: "default",
  status: "parked",
  revision: 0,
  deaths: 1,
  retries: 0,
  expiryRetries: 0,
  retentionMs: 30 * 86_400_000,
  onExpire: "expire",
  maximumRetries: 3,
  expiresAtMs: Date.UTC(2026, 5, 30, 12),
  retryAtMs: null,
  lastDeath: {
    runId: "0197a3c0-0000-7000-8000-0000000000aa",
    atMs: Date.UTC(2026, 4, 31, 12),
    reason: "non_retryable",
    category: "data",
    errorType: "BadMovie",
    errorMessage: "release date lies\nin the future: 2046",
  },
  kept: [],
  requestIds: [],
};

test("those of an adopted workflow say so, and where its reset went back to", () => {
  const details = letterDetails(
    { ...parked, kind: "workflow", retries: 1, retryRunId: "r", resetTo: "before activity charge, event 11" },
    "default",
  );
  expect(details).toContain(
    "- **Adopted** a workflow of the app's own: its retry starts it as it was started, or resets it",
  );
  expect(details).toContain("- **Retries** 1, last run `r`, gone back to `before activity charge, event 11`");
  expect(details).toContain("dlo retry 0197a3c0-0000-7000-8000-000000000001 --from-failure");
  expect(letterDetails({ ...parked, kind: "activity" }, "default")).not.toContain("--from-failure");
});

test("the details of a parked letter say what died, why, when it expires, and what can be done", () => {
  expect(letterDetails(parked, "default")).toMatchInlineSnapshot(`
    "**import-movie** \`import-movie/1946\` — parked

    - **Died** once, last at 2026-05-31 12:00:00 UTC: the error is not to be retried
    - **Error** \`BadMovie: release date lies in the future: 2046\`
    - **Category** data (needs a person)
    - **Queue** default
    - **Retries** 0
    - **Expires** 2026-06-30 12:00:00 UTC (retention 30 days)

    Commands:

    \`\`\`
    dlo show 0197a3c0-0000-7000-8000-000000000001
    dlo retry 0197a3c0-0000-7000-8000-000000000001
    temporal workflow signal --workflow-id 'dead-letter/import-movie/1946' --name retry --input '{"by":"you","reason":"…"}'
    temporal workflow signal --workflow-id 'dead-letter/import-movie/1946' --name extend --input '{"retention":"60 days","by":"you"}'
    temporal workflow signal --workflow-id 'dead-letter/import-movie/1946' --name discard --input '{"by":"you","reason":"…"}'
    \`\`\`"
  `);
});

test("the details of a letter that is being retried, that is held, and that is closed", () => {
  expect(letterDetails({ ...parked, status: "retrying", retries: 1, retryRunId: "r-1", expiresAtMs: null }, "default"))
    .toMatchInlineSnapshot(`
      "**import-movie** \`import-movie/1946\` — a retry is running

      - **Died** once, last at 2026-05-31 12:00:00 UTC: the error is not to be retried
      - **Error** \`BadMovie: release date lies in the future: 2046\`
      - **Category** data (needs a person)
      - **Queue** default
      - **Retries** 1, last run \`r-1\`
      - **Expires** the clock stands still while a retry runs

      Commands:

      \`\`\`
      dlo show 0197a3c0-0000-7000-8000-000000000001
      temporal workflow signal --workflow-id 'dead-letter/import-movie/1946' --name note --input '{"text":"…","by":"you"}'
      \`\`\`"
    `);
  expect(letterDetails({ ...parked, retentionMs: "indefinite", expiresAtMs: null }, "default")).toContain(
    "never: it is held until somebody acts",
  );
  expect(letterDetails({ ...parked, status: "recovered", deaths: 2, expiresAtMs: null }, "default"))
    .toMatchInlineSnapshot(`
    "**import-movie** \`import-movie/1946\` — recovered

    - **Died** 2 times, last at 2026-05-31 12:00:00 UTC: the error is not to be retried
    - **Error** \`BadMovie: release date lies in the future: 2046\`
    - **Category** data (needs a person)
    - **Queue** default
    - **Retries** 0"
  `);
});

test("the summary is one line", () => {
  expect(letterSummary(parked)).toBe("import-movie · data · BadMovie: release date lies in the future: 2046");
  const long = { ...parked, lastDeath: { ...parked.lastDeath, errorMessage: "x".repeat(500) } };
  // Of 200 bytes: each "·" has two.
  expect(letterSummary(long)).toHaveLength(198);
});

test("an error's message of several lines stays on its line", () => {
  const lastDeath = { ...parked.lastDeath, errorMessage: "```\n# Recovered\n**all is well** [click](http://evil)" };
  const lines = letterDetails({ ...parked, lastDeath }, "default").split("\n");
  expect(lines.filter((line) => line.startsWith("#"))).toEqual([]);
});
