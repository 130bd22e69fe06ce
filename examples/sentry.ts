// A hook that opens an issue in Sentry for each cause, and reopens it when the cause returns. In the office's configuration:
//
//   import { tellSentry } from "./sentry.ts";
//   const sentry = tellSentry(process.env.SENTRY_DSN!);
//   export default defineConfig({ on: { cause_new: sentry, cause_returned: sentry } });
import { createHash } from "node:crypto";
import type { HookContext, HookEvent } from "dead-letter-office";

/** @param dsn such as `https://<key>@<host>/<project>`, from the project's settings */
export function tellSentry(dsn: string): (event: HookEvent, context: HookContext) => Promise<void> {
  const { username: key, protocol, host, pathname } = new URL(dsn);
  const slash = pathname.lastIndexOf("/");
  const address = `${protocol}//${host}${pathname.slice(0, slash)}/api/${pathname.slice(slash + 1)}/envelope/`;
  return async (event, { signal }) => {
    const response = await fetch(address, {
      method: "POST",
      headers: {
        "Content-Type": "application/x-sentry-envelope",
        "X-Sentry-Auth": `Sentry sentry_version=7, sentry_client=dead-letter-office/1, sentry_key=${key}`,
      },
      body: envelopeOf(event),
      signal,
    });
    // The office tries again, for up to a day.
    if (!response.ok) throw new Error(`Sentry answered ${response.status}`);
  };
}

/** Three lines of JSON: the envelope's header, the item's, and the item. */
function envelopeOf(event: HookEvent): string {
  // The same for each delivery of an event, so that Sentry takes it once.
  const eventId = createHash("md5").update(event.id).digest("hex");
  const item = { event_id: eventId, ...issueOf(event) };
  return [{ event_id: eventId }, { type: "event" }, item].map((line) => JSON.stringify(line)).join("\n");
}

function issueOf({ type, at, namespace, data, cause, letter, links }: HookEvent) {
  return {
    timestamp: at.toISOString(),
    platform: "node",
    level: "error",
    logger: "dead-letter-office",
    exception: {
      values: [{ type: cause?.errorType ?? letter?.errorType, value: letter?.errorMessage ?? cause?.title }],
    },
    // One issue a cause, as the office groups them.
    ...(cause === null ? {} : { fingerprint: ["dead-letter-office", cause.id] }),
    tags: {
      event: type,
      namespace,
      ...(letter === null
        ? {}
        : { job: letter.job, queue: letter.queue, category: letter.category, reason: letter.reason }),
    },
    extra: { data, cause, letter, links },
  };
}
