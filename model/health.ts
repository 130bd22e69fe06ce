import { type Duration, formatDuration, parseDuration } from "./duration.ts";
import { unknownWord } from "./suggest.ts";

/** How the office is, the best first. */
export const healthGrades = ["healthy", "degraded", "unhealthy"] as const;

export type HealthGrade = (typeof healthGrades)[number];

/** From where on it is not well. */
export type HealthOptions = {
  /** How long ago a letter may have died to count as a recent one. @default "1 hour" */
  readonly window?: Duration;
  /** So many recent letters, or more, make it degraded. @default 1 */
  readonly degraded?: number;
  /** So many recent letters, or more, make it unhealthy. @default 10 */
  readonly unhealthy?: number;
  /** An open letter whose last death is longer ago makes it degraded. @default none does */
  readonly oldest?: Duration;
};

/** `HealthOptions`, read. */
export type HealthLimits = {
  readonly windowMs: number;
  readonly degraded: number;
  readonly unhealthy: number;
  readonly oldestMs?: number;
};

/** What the grade is made from. */
export type HealthFacts = {
  /** Letters that died within the window, that nobody has retried or closed since, and whose cause nobody ignores. */
  readonly deadLetters: number;
  /** All open letters. */
  readonly open: number;
  /** The last death of the letter that is open for the longest; null where none is open. */
  readonly oldestAt: Date | null;
};

export type Health = HealthFacts & {
  readonly status: HealthGrade;
  /** Why it is not healthy, in words; empty where it is. */
  readonly reasons: readonly string[];
  readonly timestamp: Date;
};

/** @throws {Error} with the option that cannot be meant */
export function healthLimits(options: HealthOptions = {}): HealthLimits {
  for (const key of Object.keys(options))
    if (!optionKeys.includes(key)) throw new Error(unknownWord("health option", key, optionKeys));
  const { window = "1 hour", degraded = 1, oldest } = options;
  const unhealthy = options.unhealthy ?? Math.max(10, degraded);
  for (const [key, letters] of Object.entries({ degraded, unhealthy }))
    if (!Number.isInteger(letters) || letters < 1)
      throw new Error(`Expected ${key} to be a whole number of letters from 1, got ${JSON.stringify(letters)}`);
  if (unhealthy < degraded)
    throw new Error(`Expected unhealthy to be at least as many letters as degraded (${degraded}), got ${unhealthy}`);
  return {
    windowMs: parseDuration(window, "window"),
    degraded,
    unhealthy,
    ...(oldest === undefined ? {} : { oldestMs: parseDuration(oldest, "oldest") }),
  };
}

export function gradeHealth(facts: HealthFacts, limits: HealthLimits, now: Date): Health {
  const { deadLetters, oldestAt } = facts;
  const { windowMs, degraded, unhealthy, oldestMs } = limits;
  const reasons: string[] = [];
  if (deadLetters >= degraded) {
    const limit = deadLetters >= unhealthy ? `unhealthy from ${unhealthy}` : `degraded from ${degraded}`;
    const died = deadLetters === 1 ? "1 letter died and waits" : `${deadLetters} letters died and wait`;
    reasons.push(`within ${formatDuration(windowMs)} ${died}: ${limit}`);
  }
  const ageMs = oldestAt === null ? 0 : now.getTime() - oldestAt.getTime();
  if (oldestMs !== undefined && ageMs > oldestMs)
    reasons.push(`the oldest open letter has waited for more than ${formatDuration(oldestMs)}: degraded`);
  const status = deadLetters >= unhealthy ? "unhealthy" : reasons.length > 0 ? "degraded" : "healthy";
  return { status, ...facts, reasons, timestamp: now };
}

const optionKeys = ["window", "degraded", "unhealthy", "oldest"];
