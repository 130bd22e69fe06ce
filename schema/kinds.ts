/** What a dead letter stands for: a job of ours, somebody's own workflow or activity, a record from elsewhere, one step of a workflow. */
export const kinds = ["job", "workflow", "activity", "record", "step"] as const;

export type Kind = (typeof kinds)[number];
