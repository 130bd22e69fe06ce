import { ApplicationFailure } from "@temporalio/activity";
import type { HookEvent } from "../model/hooks.ts";

/**
 * Posts an event to an address. What the other side may be over with in a while is retried: whatever is no success, but for
 * the refusals of 4xx, which a repeat does not change.
 *
 * @returns who took it. Of the address no more than its origin is told: what follows is often a secret
 */
export async function postEvent(address: URL, event: HookEvent, signal: AbortSignal): Promise<string> {
  const { origin, username, password } = address;
  const target = new URL(address);
  target.username = target.password = "";
  let response: Response;
  try {
    response = await fetch(target, {
      method: "POST",
      headers: {
        "Content-Type": "application/json",
        "Idempotency-Key": event.id,
        "User-Agent": "dead-letter-office",
        ...(username === "" ? {} : { Authorization: basic(username, password) }),
      },
      body: JSON.stringify(event),
      redirect: "manual",
      signal,
    });
  } catch (error) {
    throw ApplicationFailure.retryable(`${origin} did not take the event: ${reasonOf(error)}`, "HookUnreachable");
  }
  await response.body?.cancel();
  if (response.ok) return `${origin}, with ${response.status}`;
  const message = `${origin} answered the event with ${`${response.status} ${response.statusText}`.trim()}`;
  if (isFinal(response.status)) throw ApplicationFailure.nonRetryable(`${message}: correct the hook`, "HookRefused");
  throw ApplicationFailure.retryable(message, "HookFailed");
}

function isFinal(status: number): boolean {
  return status >= 400 && status < 500 && ![408, 425, 429].includes(status);
}

function basic(username: string, password: string): string {
  return `Basic ${Buffer.from(`${decoded(username)}:${decoded(password)}`).toString("base64")}`;
}

/** An address may have a bare % in it, or bytes that are no text: they stay as they stand. */
function decoded(text: string): string {
  return text.replaceAll(/(?:%[\da-f]{2})+/gi, (escapes) => {
    try {
      return decodeURIComponent(escapes);
    } catch {
      return escapes;
    }
  });
}

/** undici says "fetch failed", and what it was in the cause. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return "it cannot be reached";
  if (error.name === "TimeoutError") return "it did not answer in time";
  const { code } = (error.cause ?? {}) as { code?: unknown };
  return typeof code === "string" ? code : "it cannot be reached";
}
