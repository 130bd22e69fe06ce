import type { Adoption, NotAdopted, SkippedCounts } from "./adopt.ts";

/** What an adoption does to the world. Run by the office; declared here, because workflows may not see the code. */
export type AdoptActivities = {
  /** Writes its row, and says from where it looks. Safe to repeat. */
  beginAdoption(adoption: Adoption): Promise<{ readonly fromMs: number }>;
  /** Adopts what closed until its time is over, or all is looked at. Safe to repeat: what has its letter is known. */
  adoptRuns(slice: AdoptSlice): Promise<AdoptedSlice>;
  /** Writes that it has ended, and sums up. Safe to repeat. */
  finishAdoption(finish: { readonly adoption: Adoption; readonly seen: AdoptSeen }): Promise<AdoptOutcome>;
};

export type AdoptSlice = {
  readonly adoption: Adoption;
  /** What closed before was looked at. */
  readonly fromMs: number;
  readonly sliceMs: number;
};

export type AdoptedSlice = { readonly seen: AdoptSeen; readonly untilMs: number };

/** What was found on the way. */
export type AdoptSeen = {
  /** How many were adopted, or would be. */
  readonly adopted: number;
  readonly skipped: SkippedCounts;
  /** Of the adopted, by type and queue; the first 50 kinds. */
  readonly groups: readonly AdoptGroup[];
  /** The first 20 of them. */
  readonly samples: readonly AdoptedRun[];
  /** The first 20 of those that were not. */
  readonly left: readonly NotAdoptedRun[];
};

export type AdoptGroup = { readonly type: string; readonly queue: string; readonly count: number };

export type AdoptedRun = {
  readonly id: string;
  readonly runId: string;
  readonly type: string;
  readonly taskQueue: string;
  /** The dead letter queue that it is filed under. */
  readonly queue: string;
  readonly ended: "failed" | "timed_out" | "terminated";
  readonly closedAt: string;
  /** Its letter; absent in a dry run. */
  readonly letterId?: string;
};

export type NotAdoptedRun = Pick<AdoptedRun, "id" | "runId" | "type"> & {
  readonly why: NotAdopted;
  /** What is wrong, where it is `refused`. At most 500 characters. */
  readonly said?: string;
};

export type AdoptOutcome = AdoptSeen & {
  readonly id: string;
  readonly dryRun: boolean;
  /** This server has no such thing as standalone activities. */
  readonly unsupported?: true;
};

export const nothingSeen: AdoptSeen = { adopted: 0, skipped: {}, groups: [], samples: [], left: [] };

/** Two parts of one adoption as one. */
export function addSeen(one: AdoptSeen, other: AdoptSeen): AdoptSeen {
  const skipped: Partial<Record<NotAdopted, number>> = { ...one.skipped };
  for (const [why, count] of Object.entries(other.skipped))
    skipped[why as NotAdopted] = (skipped[why as NotAdopted] ?? 0) + count;
  const groups = new Map<string, AdoptGroup>();
  for (const group of [...one.groups, ...other.groups]) {
    const key = JSON.stringify([group.type, group.queue]);
    groups.set(key, { ...group, count: group.count + (groups.get(key)?.count ?? 0) });
  }
  return {
    adopted: one.adopted + other.adopted,
    skipped,
    groups: [...groups.values()].slice(0, 50),
    samples: [...one.samples, ...other.samples].slice(0, 20),
    left: [...one.left, ...other.left].slice(0, 20),
  };
}
