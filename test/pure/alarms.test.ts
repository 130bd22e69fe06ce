import { createHash } from "node:crypto";
import { afterAll, beforeAll, expect, test } from "vitest";
import { tellSentry } from "../../examples/sentry.ts";
import { tellSlack } from "../../examples/slack.ts";
import type { HookEvent } from "../../model/index.ts";
import { type HookServer, openHookServer } from "../setup/hook-server.ts";

// The examples' requests, as a server on this machine gets them. What Slack and Sentry make of them is not tested here.

let server: HookServer;
let status = 200;

beforeAll(async () => {
  server = await openHookServer(() => status);
});
afterAll(async () => await server.close());

const at = new Date("2026-05-01T03:00:00Z");
const event: HookEvent = {
  id: "dlo-event/dead-letter-office/7/cause_returned",
  type: "cause_returned",
  position: 7,
  at,
  office: "dead-letter-office",
  namespace: "orders",
  by: "office",
  reason: null,
  data: { why: "regression" },
  cause: {
    id: "79746de0-8f1c-8a8b-9a55-6b4f5bb1c1a5",
    title: "TypeError: <!channel> & title",
    errorType: "TypeError",
    state: "open",
    returned: "regression",
    owner: "ann",
    note: null,
    firstSeenAt: at,
    lastSeenAt: at,
    open: 3,
    letters: 4,
    deaths: 5,
    jobs: ["import-movie"],
  },
  letter: {
    id: "01a20e5a-2e44-758c-92d2-602506a0d259",
    workflowId: "movie-7",
    runId: "r",
    job: "import-movie",
    queue: "default",
    status: "parked",
    reason: "exhausted",
    category: "code",
    errorType: "TypeError",
    errorMessage: "title is not a string",
    key: null,
    attempts: 5,
    deaths: 1,
    failedAt: at,
    expiresAt: null,
  },
  links: { letter: "http://ui/letter", job: "http://ui/job" },
};
const context = { signal: new AbortController().signal, attempt: 1 };

test("Slack is sent a message that names the cause, pings nobody, and leads to the letter", async () => {
  status = 200;
  await tellSlack(`${server.url}/services/T0/B0/x`)(event, context);
  const { path, headers, body } = server.posted.at(-1)!;
  expect({ path, type: headers["content-type"] }).toEqual({ path: "/services/T0/B0/x", type: "application/json" });
  const message = JSON.parse(body) as { text: string };
  expect(message.text).toBe("Back again (regression): TypeError: &lt;!channel&gt; &amp; title");
  expect(body).toContain("3 open of 5 deaths");
  expect(body).toContain("owner: ann");
  expect(body).toContain("dlo show 01a20e5a-2e44-758c-92d2-602506a0d259");
  expect(body).toContain("<http://ui/letter|Temporal Web UI>");
});

test("Sentry is sent an envelope with one event, grouped by the cause, the same each time", async () => {
  status = 200;
  const { host } = new URL(server.url);
  const hook = tellSentry(`http://public-key@${host}/prefix/42`);
  await hook(event, context);
  await hook(event, { ...context, attempt: 2 });
  const [first, second] = server.posted.slice(-2);
  expect(second!.body).toBe(first!.body);
  expect(first!.path).toBe("/prefix/api/42/envelope/");
  expect(first!.headers["content-type"]).toBe("application/x-sentry-envelope");
  expect(first!.headers["x-sentry-auth"]).toContain("sentry_key=public-key");
  const [header, item, sent] = first!.body.split("\n").map((line) => JSON.parse(line) as Record<string, unknown>);
  const eventId = createHash("md5").update(event.id).digest("hex");
  expect(header).toEqual({ event_id: eventId });
  expect(item).toEqual({ type: "event" });
  expect(sent).toMatchObject({
    event_id: eventId,
    timestamp: "2026-05-01T03:00:00.000Z",
    level: "error",
    exception: { values: [{ type: "TypeError", value: "title is not a string" }] },
    fingerprint: ["dead-letter-office", event.cause!.id],
    tags: { event: "cause_returned", namespace: "orders", job: "import-movie", category: "code" },
  });
});

test("an event of a letter, without a cause and Web UI, is told too", async () => {
  status = 200;
  const plain: HookEvent = { ...event, type: "noted", cause: null, links: null };
  await tellSlack(server.url)(plain, context);
  expect(JSON.parse(server.posted.at(-1)!.body)).toMatchObject({ text: "noted: title is not a string" });
  await tellSentry(`http://key@${new URL(server.url).host}/1`)(plain, context);
  expect(server.posted.at(-1)!.path).toBe("/api/1/envelope/");
});

test("what is no success fails, so that the office tries again", async () => {
  status = 503;
  await expect(tellSlack(`${server.url}/secret`)(event, context)).rejects.toThrow(/^Slack answered 503: $/);
  await expect(tellSentry(`http://key@${new URL(server.url).host}/1`)(event, context)).rejects.toThrow(
    "Sentry answered 503",
  );
});
