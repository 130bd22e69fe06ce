import { InvalidArgumentError } from "@commander-js/extra-typings";

/** Collects `name=value` of an option that may be given several times. */
export function keyValue(text: string, before: Record<string, string>): Record<string, string> {
  const at = text.indexOf("=");
  if (at < 1) throw new InvalidArgumentError("It takes name=value.");
  return { ...before, [text.slice(0, at)]: text.slice(at + 1) };
}
