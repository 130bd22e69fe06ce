// A hook that tells a Slack channel of new and returned causes. In the office's configuration:
//
//   import { tellSlack } from "./slack.ts";
//   const slack = tellSlack(process.env.SLACK_WEBHOOK_URL!);
//   export default defineConfig({ on: { cause_new: slack, cause_returned: slack } });
import type { HookContext, HookEvent } from "dead-letter-office";

/** @param webhook the address of a Slack app's incoming webhook */
export function tellSlack(webhook: string): (event: HookEvent, context: HookContext) => Promise<void> {
  return async (event, { signal }) => {
    const response = await fetch(webhook, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(messageOf(event)),
      signal,
    });
    // The office tries again, for up to a day. The address is a secret, so it stays out of the message.
    if (!response.ok) throw new Error(`Slack answered ${response.status}: ${(await response.text()).slice(0, 200)}`);
  };
}

function messageOf({ type, cause, letter, links }: HookEvent) {
  const returned = `Back again (${cause?.returned ?? "it kills again"})`;
  const what = type === "cause_new" ? "New" : type === "cause_returned" ? returned : type;
  const title = cause?.title ?? letter?.errorMessage ?? type;
  const facts = [
    ...(cause === null ? [] : [`${cause.open} open of ${cause.deaths} deaths`, `jobs: ${cause.jobs.join(", ")}`]),
    ...(cause?.owner ? [`owner: ${cause.owner}`] : []),
    ...(letter === null ? [] : [`\`dlo show ${letter.id}\``]),
    ...(links === null ? [] : [`<${links.letter}|Temporal Web UI>`]),
  ];
  const text = `:coffin: *${what}: ${escaped(title)}*`;
  return {
    text: `${what}: ${escaped(title)}`,
    blocks: [
      { type: "section", text: { type: "mrkdwn", text } },
      { type: "context", elements: [{ type: "mrkdwn", text: facts.join("  ·  ") }] },
    ],
  };
}

/** Slack reads these three itself; an error's message must not ping a channel. */
function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").slice(0, 500);
}
