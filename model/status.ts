/**
 * The states of a dead letter. `parked` and `retrying` are open; the rest are closed and final.
 *
 * ```
 *            retry                 the run succeeds
 *   parked ────────▶ retrying ─────────────────────▶ recovered
 *     ▲  │               │
 *     └──┼───────────────┘ it dies again, or is cancelled
 *        ├─ expire, or the retention ends ─────────▶ expired
 *        ├─ discard ───────────────────────────────▶ discarded
 *        └─ the app's own run of the id succeeds ──▶ superseded
 *
 *   expired, discarded ── reopen ──▶ parked
 * ```
 */
export const statuses = ["parked", "retrying", "recovered", "expired", "discarded", "superseded"] as const;

export type Status = (typeof statuses)[number];

export const openStatuses = ["parked", "retrying"] as const satisfies readonly Status[];

export type ClosedStatus = Exclude<Status, (typeof openStatuses)[number]>;

/** Closed ones that can be opened again: of the others the job has succeeded. */
export const reopenable = ["expired", "discarded"] as const satisfies readonly Status[];

/** Whether a letter in this state still takes commands. */
export function isOpen(status: Status): status is (typeof openStatuses)[number] {
  return (openStatuses as readonly Status[]).includes(status);
}
