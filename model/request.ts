/**
 * The states of a row in `dlo.requests`: `asked` by whoever inserted it, `working` while an office carries it out, then `done`
 * or `refused`, with the answer.
 */
export const requestStates = ["asked", "working", "done", "refused"] as const;

export type RequestState = (typeof requestStates)[number];
