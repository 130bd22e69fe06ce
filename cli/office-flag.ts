import { Option } from "@commander-js/extra-typings";
import type { Config } from "../model/config.ts";
import { defaultOffice } from "../model/ids.ts";

export type OfficeFlag = { readonly office?: string };

/** @param does such as `the office that deletes` */
export function officeFlag(does: string) {
  return new Option("--office <name>", `${does} (default: the configuration's, else ${defaultOffice})`);
}

/** The office that is asked: who has named theirs in the configuration need not name it in each command. */
export function officeOf({ office }: OfficeFlag, config: Config | undefined): string {
  return office ?? config?.office ?? defaultOffice;
}
