import { type DeadLetterOptions, type DeadLetterPolicy, defaultDeadLetterPolicy, readPolicy } from "./contract.ts";
import { configInvalid } from "./office-error.ts";

/** What becomes of a workflow of other make when it is adopted: as a job's contract says it of jobs. */
export type AdoptPolicy = Omit<DeadLetterOptions, "office" | "supersededBy">;

/** By workflow or activity type, or by how it begins: `Order*`. `false` leaves such alone. */
export type AdoptPolicies = Readonly<Record<string, AdoptPolicy | false>>;

/** The policy for a type: its own name goes before a beginning, and a longer beginning before a shorter one. */
export function adoptPolicyOf(policies: AdoptPolicies, type: string): DeadLetterPolicy | false {
  const found = Object.hasOwn(policies, type) ? type : longestBeginning(policies, type);
  const policy = found === undefined ? undefined : policies[found];
  if (policy === undefined) return defaultDeadLetterPolicy;
  return policy === false ? false : read(found ?? type, policy);
}

/** @throws {OfficeError} `CONFIG_INVALID` with the type, what is wrong, and the nearest known option */
export function checkAdoptPolicies(policies: AdoptPolicies): void {
  if (typeof policies !== "object" || policies === null || Array.isArray(policies))
    throw configInvalid("adopt", 'it must be an object by workflow type, such as {"OrderWorkflow":{"queue":"orders"}}');
  for (const [type, policy] of Object.entries(policies)) {
    if (type === "" || type.slice(0, -1).includes("*"))
      throw configInvalid(`adopt.${type}`, "a type, or how it begins with one * at its end, such as Order*");
    if (policy !== false) read(type, policy);
  }
}

function longestBeginning(policies: AdoptPolicies, type: string): string | undefined {
  return Object.keys(policies)
    .filter((pattern) => pattern.endsWith("*") && type.startsWith(pattern.slice(0, -1)))
    .toSorted((one, other) => other.length - one.length)[0];
}

const options = ["queue", "retention", "keepFor", "tags", "onExpire", "maximumRetries"];

function read(type: string, policy: AdoptPolicy): DeadLetterPolicy {
  const fail = (problem: string) => configInvalid(`adopt.${type}`, problem.replaceAll(/deadLetter[. ]/g, ""));
  return readPolicy(fail, policy, options);
}
