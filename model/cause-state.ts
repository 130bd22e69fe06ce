/** What people have said of a cause. An ignored one wakes by its rule; a resolved one returns when it kills again. */
export const causeStates = ["open", "resolved", "ignored"] as const;

export type CauseState = (typeof causeStates)[number];

/** Why a cause came back: a resolved one killed again; an ignored one did after its time, often enough, or so often within a span. */
export const returnReasons = ["regression", "time", "deaths", "rate"] as const;

export type ReturnReason = (typeof returnReasons)[number];

/** The order of a list of causes, the first of it first: most open letters, most deaths, the last death or the first one. */
export const causeOrders = ["open", "deaths", "last-seen", "first-seen"] as const;

export type CauseOrder = (typeof causeOrders)[number];
