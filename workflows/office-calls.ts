import { ApplicationFailure, ActivityFailure, proxyActivities, proxyLocalActivities } from "@temporalio/workflow";
import type { JobActivities, LetterActivities } from "../model/letter-activities.ts";
import type { OwnCodeActivities } from "../model/own-code.ts";

type Quick = Pick<
  LetterActivities,
  | "beginRetry"
  | "project"
  | "recordDeath"
  | "policyOf"
  | "policyNow"
  | "readDead"
  | "checkProbe"
  | "checkBuild"
  | "pinRun"
  | "captureRecord"
  | "startAgain"
>;

// Local: it runs inside a workflow task that is there anyway, and costs one event.
const local = proxyLocalActivities<Quick>({
  startToCloseTimeout: "2 seconds",
  scheduleToCloseTimeout: "3 seconds",
  retry: { maximumAttempts: 2, initialInterval: "100 milliseconds" },
});

// Behind it, for when Postgres is down: 6 events however long the outage lasts. A local activity that went on trying
// would write 3 events each 8 seconds, for every letter.
const regular = proxyActivities<Quick & Pick<LetterActivities, "followRun">>({
  startToCloseTimeout: "30 seconds",
  retry: { initialInterval: "1 second", backoffCoefficient: 2, maximumInterval: "30 seconds" },
});

/** So often a probe is asked, for as long as it says no. */
const probing = proxyActivities<Pick<LetterActivities, "probeSaysYes">>({
  startToCloseTimeout: "30 seconds",
  retry: { initialInterval: "5 seconds", backoffCoefficient: 1.5, maximumInterval: "30 seconds" },
});

const following = proxyActivities<Pick<LetterActivities, "followRun">>({
  startToCloseTimeout: "10 minutes",
  heartbeatTimeout: "30 seconds",
  retry: { initialInterval: "1 second", backoffCoefficient: 2, maximumInterval: "1 minute" },
});

/** What a letter asks of the world. */
export const office: Quick & Pick<LetterActivities, "followRun" | "probeSaysYes"> = {
  beginRetry: (ask) => local.beginRetry(ask).catch(orElse(() => regular.beginRetry(ask))),
  project: (projection) => local.project(projection).catch(orElse(() => regular.project(projection))),
  recordDeath: (record) => local.recordDeath(record).catch(orElse(() => regular.recordDeath(record))),
  policyOf: (queue) => local.policyOf(queue).catch(orElse(() => regular.policyOf(queue))),
  policyNow: (letterId, revision) =>
    local.policyNow(letterId, revision).catch(orElse(() => regular.policyNow(letterId, revision))),
  readDead: (letterId) => local.readDead(letterId).catch(orElse(() => regular.readDead(letterId))),
  checkProbe: (probe) => local.checkProbe(probe).catch(orElse(() => regular.checkProbe(probe))),
  probeSaysYes: (probe) => probing.probeSaysYes(probe),
  checkBuild: (ask) => local.checkBuild(ask).catch(orElse(() => regular.checkBuild(ask))),
  captureRecord: (ask) => local.captureRecord(ask).catch(orElse(() => regular.captureRecord(ask))),
  pinRun: (ask) => local.pinRun(ask).catch(orElse(() => regular.pinRun(ask))),
  startAgain: (ask) => local.startAgain(ask).catch(orElse(() => regular.startAgain(ask))),
  followRun: (ask) => following.followRun(ask),
};

/** Asks a job's own worker whether an input is valid. No answer within 10 seconds is an `ActivityFailure`. */
export function jobWorker(taskQueue: string): JobActivities {
  return proxyActivities<JobActivities>({
    taskQueue,
    scheduleToCloseTimeout: "10 seconds",
    startToCloseTimeout: "10 seconds",
    retry: { initialInterval: "200 milliseconds", maximumAttempts: 3 },
  });
}

/** A job's own code, run by its own worker. */
export function ownCodeOn(taskQueue: string): OwnCodeActivities {
  return proxyActivities<OwnCodeActivities>({
    taskQueue,
    // Where nobody serves the job any more its letters must not wait for ever, unseen.
    scheduleToStartTimeout: "1 day",
    startToCloseTimeout: "5 minutes",
    heartbeatTimeout: "30 seconds",
    // Some 13 minutes in all, and then a person is to see it.
    retry: { initialInterval: "1 second", backoffCoefficient: 2, maximumInterval: "5 minutes", maximumAttempts: 10 },
  });
}

/** The code of a refusal that no repeat can change, such as `PAYLOAD_OMITTED`. */
export function refusalOf(error: unknown): ApplicationFailure | undefined {
  const cause = error instanceof ActivityFailure ? error.cause : error;
  return cause instanceof ApplicationFailure && cause.nonRetryable === true ? cause : undefined;
}

function orElse<T>(again: () => Promise<T>): (error: unknown) => Promise<T> {
  return (error) => {
    if (refusalOf(error) !== undefined) throw error;
    return again();
  };
}
