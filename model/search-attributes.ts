/** Search attributes, all of type Keyword. Letters carry all of them, jobs the first two, where our client starts them. */
export const searchAttributes = {
  job: "DloJob",
  key: "DloKey",
  queue: "DloQueue",
  status: "DloStatus",
  category: "DloCategory",
  errorType: "DloErrorType",
} as const;

export type SearchAttribute = (typeof searchAttributes)[keyof typeof searchAttributes];

export const searchAttributeNames: readonly SearchAttribute[] = Object.values(searchAttributes);
