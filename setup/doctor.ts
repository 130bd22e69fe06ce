import type { Target } from "../connect/target.ts";
import { shownDatabase } from "../connect/target.ts";
import { type Check, wrong } from "./check.ts";
import { type CheckedDatabase, checkDatabase } from "./check-database.ts";
import { checkNode } from "./check-node.ts";
import { checkTemporal } from "./check-temporal.ts";
import type { Patient } from "./patient.ts";
import { type ShownDefault, shownDefaults } from "./shown-defaults.ts";

/** What the doctor found, as data. */
export type Examination = {
  /** Whether nothing is wrong. */
  readonly ok: boolean;
  readonly checks: readonly Check[];
  readonly targets: readonly { readonly what: string; readonly value: string; readonly from: string }[];
  readonly defaults: readonly ShownDefault[];
};

/** Looks at everything that an office, its workers and its letters need. Changes nothing, and never throws for what it finds. */
export async function examine(target: Target, patient: Patient, env = process.env): Promise<Examination> {
  const database: CheckedDatabase = await checkDatabase(target.database);
  const { defaults, wrongs } = shownDefaults(env);
  const checks = [
    checkNode(process.versions.node),
    ...(await checkTemporal(target.temporal, patient, database.databaseId)),
    ...database.checks,
    ...wrongs.map((problem) => wrong("environment", problem, "Correct the variable, or unset it")),
  ];
  return { ok: checks.every((check) => check.ok), checks, targets: targetsOf(target, patient), defaults };
}

function targetsOf({ temporal, database }: Target, { codecFrom }: Patient): Examination["targets"] {
  return [
    { what: "Temporal", value: temporal.address, from: temporal.from },
    { what: "namespace", value: temporal.namespace, from: temporal.namespaceFrom },
    {
      what: "database",
      value: database === undefined ? "none" : shownDatabase(database.url),
      from: database?.from ?? "nowhere",
    },
    { what: "codec", value: codecFrom === undefined ? "none" : "yes", from: codecFrom ?? "no config names one" },
  ];
}
