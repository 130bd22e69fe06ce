import { type Check, fine, wrong } from "./check.ts";

/** @param version such as "20.19.0" */
export function checkNode(version: string): Check {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  if (major > 20 || (major === 20 && minor >= 19)) return fine("Node.js", version);
  return wrong("Node.js", `${version} is too old`, "Use Node.js 20.19 or newer");
}
