import { redacted } from "./redact.ts";
import type { RunMemo } from "./run-memo.ts";

/** What a letter's row shows of the memo of its run. */
type Shown = {
  readonly workflowId: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly idempotencyKey: string;
  readonly key: string | null;
  readonly batch: string | null;
  /** Whether something in the row had to be cleaned for Postgres. */
  readonly cleaned: boolean;
};

/**
 * A run's memo, made of what its letter's row shows of it, where the memo itself is not there. A header that is hidden, or had to be
 * cleaned, is left out: a handler must not take what stands in its place for its value.
 */
export function shownMemo({ workflowId, headers, idempotencyKey, key, batch, cleaned }: Shown): RunMemo {
  const whole = Object.entries(headers).filter(
    ([name, value]) => value !== redacted && !(cleaned && replaced.test(name + value)),
  );
  return {
    ...(whole.length === 0 ? {} : { headers: Object.fromEntries(whole) }),
    // Without one it is the workflow id.
    ...(idempotencyKey === workflowId ? {} : { idempotencyKey }),
    ...(key === null ? {} : { key }),
    ...(batch === null ? {} : { batch }),
  };
}

/** What `cleanText` puts in the place of what Postgres does not take. */
const replaced = /[\u2400\ufffd]/;
