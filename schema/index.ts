export type { DatabaseOptions, Db, OpenDatabase } from "./database.ts";
export { openDatabase } from "./database.ts";
export type { AttemptRow, CauseRow, DeadLetterRow, DeathRow, EventRow, LetterHead, LetterRow } from "./rows.ts";
export { attempts, causes, deadLetters, deaths, dlo, events } from "./tables.ts";
