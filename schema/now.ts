import { sql } from "drizzle-orm";

/** The moment of the statement's work, not of its transaction's beginning, as the tables keep it: in whole milliseconds. */
export const now = sql<Date>`date_trunc('milliseconds', clock_timestamp())`;
