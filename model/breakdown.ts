/** What deaths can be ranked by. `error` is the error that a job died of, `any-error` that of every attempt. */
export const rankings = ["job", "queue", "category", "reason", "error", "any-error", "cause"] as const;

export type Ranking = (typeof rankings)[number];

/** What deaths can be laid out along. */
const timelines = ["hour", "day", "week", "hour-of-day"] as const;

/** What deaths can be counted by. */
export const breakdowns = [...rankings, ...timelines] as const;

export type Breakdown = (typeof breakdowns)[number];
