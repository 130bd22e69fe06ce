import type { Health } from "../model/health.ts";
import { paint } from "./paint.ts";
import { relativeTime } from "./relative-time.ts";

/** A health, for a person: the grade, why, and how much is open. */
export function healthText({ status, reasons, deadLetters, open, oldestAt }: Health): string {
  const recent = `${deadLetters} died lately and ${deadLetters === 1 ? "waits" : "wait"}`;
  const letters = open === 1 ? "1 letter is open" : `${open} letters are open`;
  const oldest = oldestAt === null ? "" : `; the oldest died ${relativeTime(oldestAt)}`;
  return [paint(colours[status], status), ...reasons, `${letters}, ${recent}${oldest}`].join("\n");
}

const colours = { healthy: "green", degraded: "yellow", unhealthy: "red" } as const;
