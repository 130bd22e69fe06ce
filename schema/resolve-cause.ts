import { causeAmbiguous, causeNotFound } from "../model/office-error.ts";
import type { Db } from "./database.ts";
import { idOfPrefix } from "./id-of-prefix.ts";
import { causes } from "./tables.ts";

/** @throws {OfficeError} `CAUSE_NOT_FOUND`, `CAUSE_AMBIGUOUS` */
export async function resolveCause(db: Db, prefix: string): Promise<string> {
  return await idOfPrefix(db, causes, prefix, { notFound: causeNotFound, ambiguous: causeAmbiguous });
}
