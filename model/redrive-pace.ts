import type { RedriveCounts, RedriveLimits, RedriveSpec, RedriveStop } from "./redrive.ts";

/** What has been counted since a rule last spoke: what was forgiven by a resume does not stop it twice. */
export type Judged = Pick<RedriveCounts, "recovered" | "diedAgain" | "sameCause">;

/** Sizes of the steps of a ramp; after the last, the rest goes. */
export const rampSteps = [1, 2, 5, 20, 50, 100, 200, 500, 1000] as const;

/** From so many outcomes on a share says something. */
const fewestOutcomes = 10;

type Plan = Pick<RedriveSpec, "canary" | "ramp">;

/** How many more items may begin now: what the rate and the number under way leave, and the step that it is at. */
export function room(plan: Plan, { maxInFlight }: Pick<RedriveLimits, "maxInFlight">, counts: RedriveCounts): number {
  const free = Math.max(0, maxInFlight - counts.running);
  const step = currentStep(plan, counts);
  // An item that was refused or left out says nothing of those to come: another one takes its place in the step.
  return step === undefined ? free : Math.max(0, Math.min(free, step.upTo - tried(counts)));
}

/** The step that it is at: so many may have been tried in all before it is known that all of them recovered. */
export function currentStep(plan: Plan, counts: RedriveCounts): { name: "canary" | "ramp"; upTo: number } | undefined {
  for (const step of stepsOf(plan)) if (counts.recovered + counts.diedAgain + counts.done < step.upTo) return step;
  return undefined;
}

function* stepsOf({ canary, ramp }: Plan): Generator<{ name: "canary" | "ramp"; upTo: number }> {
  let upTo = 0;
  if (canary > 0) yield { name: "canary", upTo: (upTo += canary) };
  if (ramp) for (const size of rampSteps) yield { name: "ramp", upTo: (upTo += size) };
}

function tried({ running, recovered, diedAgain, done }: RedriveCounts): number {
  return running + recovered + diedAgain + done;
}

/** The rule that says stop, if one does. */
export function ruleThatStops(
  plan: Plan,
  limits: Pick<RedriveLimits, "stopOnFailure" | "stopOnSameCause">,
  counts: RedriveCounts,
  judged: Judged,
): Omit<RedriveStop, "letters"> | undefined {
  const { recovered, diedAgain, sameCause } = judged;
  if (diedAgain === 0) return undefined;
  // Nothing beyond a step is tried before all of it has ended well, so whatever has died belongs to it.
  const step = [...stepsOf(plan)].find(({ upTo }) => tried(counts) <= upTo);
  if (step !== undefined)
    return {
      rule: step.name,
      why: `${times(diedAgain)} died again among the first ${step.upTo}, all of which were to recover before the rest goes`,
    };
  if (limits.stopOnSameCause !== null && sameCause >= limits.stopOnSameCause)
    return {
      rule: "same_cause",
      why: `${times(sameCause)} died again of the cause that it had before: it is not mended`,
    };
  const ended = recovered + diedAgain;
  if (limits.stopOnFailure !== null && ended >= fewestOutcomes && diedAgain / ended > limits.stopOnFailure)
    return {
      rule: "failures",
      why: `${diedAgain} of ${ended} died again, which is more than ${percent(limits.stopOnFailure)}`,
    };
  return undefined;
}

function times(n: number): string {
  return n === 1 ? "1 letter" : `${n} letters`;
}

function percent(share: number): string {
  return `${Number((share * 100).toFixed(1))}%`;
}
