import { activityInfo, heartbeat } from "@temporalio/activity";
import type { AttemptEntry, AttemptReport, Ledger } from "../model/ledger.ts";

const largestDetailsBytes = 16 * 1024;
const longestSilenceMs = 10 * 60_000;

/**
 * Beats for a handler that does not, and carries the ledger along.
 *
 * The first attempt of a job sends nothing in its first second: most jobs are done by then, and success must cost
 * nothing. If it is killed within it, the next attempt sees a gap, which means lost.
 */
export function heartbeats(first: AttemptReport) {
  const { heartbeatTimeoutMs = 30_000, startToCloseTimeoutMs } = activityInfo();
  let report = first;
  let beats = 0;
  let stopped = false;
  const send = () => {
    // A handler that was given up may go on for a while, and has nothing to say any more.
    if (stopped) return;
    beats++;
    report = beaten(report, beats);
    heartbeat(report);
  };
  const isFirst = first.ledger.total === 1;
  if (!isFirst) send();
  const early = isFirst ? setTimeout(send, Math.min(1000, startToCloseTimeoutMs / 2)) : undefined;
  const timer = setInterval(send, Math.min(heartbeatTimeoutMs / 3, longestSilenceMs));

  return {
    /** Takes what the handler reports, and sends it on. */
    know(more: Pick<AttemptReport, "key" | "heartbeat" | "progress">): void {
      report = { ...report, ...asJson(more) };
      if (more.key === undefined) send();
    },
    /** What was reported last. */
    report: (): AttemptReport => report,
    /**
     * Stops beating. The ledger of an attempt that failed is sent once more, since the next one is given heartbeats, not
     * failures: Temporal hands in whatever beat was held back together with the failure.
     */
    stop(last?: Ledger): void {
      if (last !== undefined) heartbeat({ ...report, ledger: last });
      stopped = true;
      clearTimeout(early);
      clearInterval(timer);
    },
  };
}

function beaten(report: AttemptReport, beats: number): AttemptReport {
  const entries = report.ledger.entries.map((entry, i, all) =>
    i === all.length - 1
      ? ({ ...entry, heartbeats: beats, lastHeartbeatAtMs: Date.now(), ...progressOf(report) } satisfies AttemptEntry)
      : entry,
  );
  return { ...report, ledger: { ...report.ledger, entries } };
}

function progressOf({ progress }: AttemptReport): Pick<AttemptEntry, "progress"> {
  return progress === undefined ? {} : { progress };
}

/** A copy, so that what the handler changes later is not sent half changed; throws where the handler can see it. */
function asJson<T extends object>(more: T): T {
  const json = JSON.stringify(more);
  const bytes = Buffer.byteLength(json);
  if (bytes > largestDetailsBytes)
    throw new RangeError(
      `Heartbeat details are ${bytes} bytes as JSON; at most ${largestDetailsBytes} travel with the job. Report where the data is, not the data`,
    );
  return JSON.parse(json) as T;
}
