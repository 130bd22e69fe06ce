/** The migration, counted from 1, that this code is written against. The database must have it. */
export const codeVersion = 7;

/** The least `codeVersion` that still works on this schema. It grows only when a migration takes something away. */
export const minimumCodeVersion = 1;
