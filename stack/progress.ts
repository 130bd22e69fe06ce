/** Takes one line for a person: what is being fetched, which port was taken, what stale thing was cleared. */
export type Progress = (line: string) => void;

/** Says nothing. */
export const silent: Progress = () => undefined;
