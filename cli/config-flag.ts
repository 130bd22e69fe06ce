import { Option } from "@commander-js/extra-typings";

export function configFlag() {
  return new Option("--config <file>", "configuration, in place of dlo.config.ts (.mts, .js, .mjs) in this folder");
}
