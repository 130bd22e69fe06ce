/** What deaths are counted by over time. `all` has the value ""; `attempt_error` counts failed attempts, the others deaths. */
export type TimeDimension = "all" | "queue" | "job" | "cause" | "category" | "reason" | "attempt_error";
