import { activityInfo, heartbeat } from "@temporalio/activity";
import type { AttemptEntry, AttemptReport } from "../model/ledger.ts";

const largestDetailsBytes = 16 * 1024;

/**
 * Beats for a handler that does not, and carries the ledger along.
 *
 * The first attempt of a job sends nothing in its first second: most jobs are done by then, and success must cost
 * nothing. If it is killed within it, the next attempt sees a gap, which means lost.
 */
export function heartbeats(first: AttemptReport) {
  const { heartbeatTimeoutMs = 30_000 } = activityInfo();
  let report = first;
  let beats = 0;
  const send = () => {
    beats++;
    report = beaten(report, beats);
    heartbeat(report);
  };
  const isFirst = first.ledger.total === 1;
  if (!isFirst) send();
  const early = isFirst ? setTimeout(send, 1000) : undefined;
  const timer = setInterval(send, heartbeatTimeoutMs / 3);

  return {
    /** Takes what the handler reports, and sends it on. */
    know(more: Pick<AttemptReport, "key" | "heartbeat" | "progress">): void {
      if (more.heartbeat !== undefined) refuseLarge(more.heartbeat);
      report = { ...report, ...more };
      if (more.key === undefined) send();
    },
    /** Stops beating; what was reported last. */
    stop(): AttemptReport {
      clearTimeout(early);
      clearInterval(timer);
      return report;
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

function refuseLarge(details: unknown): void {
  const bytes = Buffer.byteLength(JSON.stringify(details) ?? "");
  if (bytes > largestDetailsBytes)
    throw new RangeError(
      `Heartbeat details are ${bytes} bytes as JSON; at most ${largestDetailsBytes} travel with the job. Report where the data is, not the data`,
    );
}
