import type { PostOffice } from "../setup/post-office.ts";

/** A workflow whose history is kept, once all has happened to it that its name says. */
export type Scenario = {
  readonly name: string;
  /** Makes it happen, and returns the workflow's id and, where it is not the latest, the run's. */
  play(office: PostOffice): Promise<{ workflowId: string; runId?: string }>;
};
