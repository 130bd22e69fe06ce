import { redriveAmbiguous, redriveNotFound } from "../model/office-error.ts";
import type { Db } from "./database.ts";
import { idOfPrefix } from "./id-of-prefix.ts";
import { redrives } from "./tables.ts";

/** @throws {OfficeError} `REDRIVE_NOT_FOUND`, `REDRIVE_AMBIGUOUS` */
export async function resolveRedrive(db: Db, prefix: string): Promise<string> {
  return await idOfPrefix(db, redrives, prefix, { notFound: redriveNotFound, ambiguous: redriveAmbiguous });
}
