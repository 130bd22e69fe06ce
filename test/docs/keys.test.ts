import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { codeWords, readDocument, root, tableRows } from "./read-docs.ts";

// A setting that nobody reads is worse than none: each one that the documents list has a test that would miss it.

const jobs = "docs/jobs.md";
const deaths = "test/jobs/deaths.test.ts";
const defaults = "test/jobs/defaults.test.ts";
const doors = "test/jobs/other-doors.test.ts";
const retention = "test/time/retention.test.ts";
const policies = "test/time/policies.test.ts";
const codec = "test/office/codec.test.ts";

type Proof = readonly [file: string, title: string];

const ownPolicy: Proof = [defaults, "a contract's whole policy is on its letter"];
const ownRetention: Proof = [retention, "retention is the contract's, else the queue's, else DLO_RETENTION"];
const backoff: Proof = [
  "test/promises/attempts.test.ts",
  "a job's backoff grows to its cap, and neither beyond it nor back, though it were a thousandfold a hundred times over",
];
const boundedRetries: Proof = [
  retention,
  "a letter that is retried on expiry is so a bounded number of times over all its deaths, then it expires",
];
const waitingRoom: Proof = [
  policies,
  "a waiting room sends its letters back by itself; a contract's own word goes before its queue's",
];
const offices: Proof = [
  "test/office/offices.test.ts",
  "offices of different names share a database, each with the deaths of its own jobs",
];
const ownServers: Proof = [
  "test/cli/dev.test.ts",
  "DLO_DEV_TEMPORAL_ADDRESS and DLO_DEV_DATABASE_URL bring servers of one's own, and none are started",
];
const ownWorkflow: Proof = [doors, "a user's own workflow beside the jobs keeps its name"];
const decoded: Proof = [codec, "a queue that stores decoded shows payload and headers, but for what is redacted"];

/** By the page and the heading above its list; without one, the first list. */
const lists: readonly [document: string, heading: string, keys: Readonly<Record<string, Proof>>][] = [
  [
    jobs,
    "### Job options",
    {
      name: [doors, "a job started by the plain CLI is supervised, memo and all"],
      input: [
        "test/jobs/start.test.ts",
        "an input that breaks the schema is refused with all its violations, and nothing is started",
      ],
      activity: [deaths, "exhausted: maximumAttempts 1 dies at the first failure"],
      deadLetter: ownPolicy,
      taskQueue: [doors, "jobs of two task queues run in one worker process"],
      key: [doors, "a key that the contract names is on the record of a job that our client did not start"],
    },
  ],
  [
    jobs,
    "### Activity options",
    {
      startToCloseTimeout: [deaths, "exhausted: the last attempt runs into its start-to-close timeout"],
      scheduleToStartTimeout: [deaths, "timed_out: no worker takes the job in time"],
      scheduleToCloseTimeout: [deaths, "timed_out: schedule-to-close, while an attempt runs"],
      heartbeatTimeout: [deaths, "lost: a worker that is silent for longer than the heartbeat timeout"],
      retry: [deaths, "exhausted: each attempt's error is kept, with its causes"],
    },
  ],
  [
    jobs,
    "### Retry options",
    {
      maximumAttempts: [deaths, "exhausted: maximumAttempts 1 dies at the first failure"],
      initialInterval: backoff,
      backoffCoefficient: backoff,
      maximumInterval: backoff,
      nonRetryableErrorTypes: [deaths, "non_retryable: an error whose type the contract lists"],
    },
  ],
  [
    jobs,
    "### Dead letter options",
    {
      queue: ownPolicy,
      tags: ownPolicy,
      office: offices,
      retention: ownRetention,
      keepFor: ownRetention,
      onExpire: boundedRetries,
      maximumRetries: boundedRetries,
      supersededBy: [
        "test/reconcile/damage.test.ts",
        "a letter whose key has since succeeded closes as superseded, where the contract says so, and no other",
      ],
    },
  ],
  [
    jobs,
    "## The configuration",
    {
      jobs: [deaths, "exhausted: each attempt's error is kept, with its causes"],
      workflowsPath: ownWorkflow,
      activities: ownWorkflow,
      classifier: [deaths, "non_retryable: an error whose type the contract lists"],
      shutdownGraceTime: ["test/jobs/interruption.test.ts", "a shutdown with grace finishes the work"],
      office: offices,
      queues: ownRetention,
      listen: [
        "test/office/listen.test.ts",
        "/health grades by letters that died lately: 200, 200, and 500 from ten on",
      ],
      health: [
        "test/cli/health.test.ts",
        "dlo health: exit codes by grade and --fail-on, limits by flags and by a configuration",
      ],
      on: [
        "test/office/hooks.test.ts",
        "a new cause is told once, however many letters die of it at the same time, and with two offices of the name",
      ],
      redact: decoded,
      fingerprint: [
        "test/office/causes.test.ts",
        "the office's rules join, split and name causes, of new letters and of retries; regroup brings the old ones along",
      ],
      amendments: [
        "test/cli/redrive.test.ts",
        "each input is changed by a patch, a file of one, or by an amendment of the office, and shown before",
      ],
      probes: ["test/redrive/probe.test.ts", "while its probe says no, or fails, nothing is asked; then it goes"],
      codec: [codec, "the secret is nowhere to be read, in Postgres or in Temporal, and the retry has it all the same"],
      reconcile: [
        "test/reconcile/place.test.ts",
        "a job that has never died, and that our client did not start, is found where it is named",
      ],
      capture: [
        "test/capture/capture.test.ts",
        "what breaks a rule is refused with the reason, leaves nothing, and the rest of the batch goes on",
      ],
      adopt: [
        "test/adopt/by-type.test.ts",
        "the office's configuration says by type into which queue an adopted workflow is filed, or leaves it alone",
      ],
      dev: [
        "test/cli/dev.test.ts",
        "dlo dev runs everything, says what dies, stops whole, and finds its letters again",
      ],
    },
  ],
  [
    "docs/queues.md",
    "",
    {
      retention: ownRetention,
      keepFor: ownRetention,
      onExpire: waitingRoom,
      maximumRetries: waitingRoom,
      warnBefore: [policies, "a warning comes before the end, once for each clock"],
      autoRetry: [
        policies,
        "a queue retries network deaths by itself, later each time, so often, and tells the run of the deaths before",
      ],
      store: decoded,
      payload: [codec, "a queue that omits payloads stores none, and such a letter is retried only with an input"],
    },
  ],
  [
    jobs,
    "## Environment variables",
    {
      DLO_ENABLED: [
        defaults,
        "DLO_ENABLED=false switches dead letters off for jobs that say nothing, and for no other",
      ],
      DLO_MAXIMUM_ATTEMPTS: [defaults, "DLO_MAXIMUM_ATTEMPTS is the default of jobs that say nothing, and no more"],
      DLO_RETENTION: ownRetention,
      DLO_KEEP_FOR: ownRetention,
      DLO_DATABASE_URL: ["test/cli/health.test.ts", "dlo health: what cannot be meant is 2, what cannot be asked is 1"],
      DLO_UI_URL: ["test/cli/letters.test.ts", "show for programs has the columns, the story and the links"],
      DLO_DEV_TEMPORAL_ADDRESS: ownServers,
      DLO_DEV_DATABASE_URL: ownServers,
      DLO_CACHE_DIR: [
        "test/stack/fetching.test.ts",
        "an older `temporal` on PATH is passed over, then the cache is used",
      ],
    },
  ],
];

test.each(lists)("%s %s: each key that is told is read by a test (promise 12)", async (document, heading, keys) => {
  const rows = tableRows(await readDocument(document), heading || undefined);
  expect(Object.keys(keys).toSorted()).toEqual(rows.flatMap(([cell]) => codeWords(cell!)).toSorted());
  for (const [key, [file, title]] of Object.entries(keys)) {
    const source = readFileSync(join(root, file), "utf8");
    expect(source, `${key}: ${file}`).toContain(`"${title}`);
    expect(source, `${key}: ${file}`).toMatch(new RegExp(`\\b${key}\\b`));
  }
});
