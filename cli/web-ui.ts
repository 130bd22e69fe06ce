import { Option } from "@commander-js/extra-typings";

export function uiFlag() {
  return new Option("--ui <url>", "base address of Temporal Web UI, for links").env("DLO_UI_URL");
}
