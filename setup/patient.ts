/** What the doctor is told beside the target. */
export type Patient = {
  /** The office's name. */
  readonly office: string;
  /** Of the jobs that are known here. */
  readonly jobTaskQueues: readonly string[];
  /** Where the payload codec comes from; absent: there is none. */
  readonly codecFrom?: string;
};
