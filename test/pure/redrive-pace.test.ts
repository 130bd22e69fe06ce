import { expect, test } from "vitest";
import { noCounts, type RedriveCounts } from "../../model/redrive.ts";
import { currentStep, rampSteps, room, ruleThatStops } from "../../model/redrive-pace.ts";

const limits = { maxInFlight: 100, stopOnFailure: 0.1, stopOnSameCause: 1 };
const plain = { canary: 0, ramp: false };
const counts = (some: Partial<RedriveCounts>): RedriveCounts => ({ ...noCounts, items: 100_000, ...some });
const judgedBy = ({ recovered, diedAgain, sameCause }: RedriveCounts) => ({ recovered, diedAgain, sameCause });

test("without steps, what may be under way is all the room there is", () => {
  expect(room(plain, limits, counts({}))).toBe(100);
  expect(room(plain, limits, counts({ running: 97 }))).toBe(3);
  expect(room(plain, limits, counts({ running: 120 }))).toBe(0);
});

test("a canary lets no more begin until all of it has ended", () => {
  const plan = { canary: 3, ramp: false };
  expect(room(plan, limits, counts({}))).toBe(3);
  expect(room(plan, limits, counts({ running: 1, recovered: 2 }))).toBe(0);
  expect(room(plan, limits, counts({ recovered: 3 }))).toBe(100);
  // Refused and skipped ones say nothing of the rest: others take their place.
  expect(room(plan, limits, counts({ recovered: 1, refused: 4, skipped: 7 }))).toBe(2);
});

test("a ramp grows by its steps, after the canary, and then lets all go", () => {
  const plan = { canary: 2, ramp: true };
  let recovered = 0;
  const sizes: number[] = [];
  for (let step = currentStep(plan, counts({})); step !== undefined; step = currentStep(plan, counts({ recovered }))) {
    const free = room(plan, { maxInFlight: 1_000_000 }, counts({ recovered }));
    sizes.push(free);
    expect(room(plan, { maxInFlight: 1_000_000 }, counts({ recovered, running: free }))).toBe(0);
    recovered += free;
  }
  expect(sizes).toEqual([2, ...rampSteps]);
  expect(room(plan, limits, counts({ recovered }))).toBe(100);
});

test("one death in a step stops it, whatever the share", () => {
  const plan = { canary: 5, ramp: true };
  const never = { stopOnFailure: null, stopOnSameCause: null };
  const inCanary = counts({ recovered: 4, diedAgain: 1 });
  expect(ruleThatStops(plan, never, inCanary, judgedBy(inCanary))).toMatchObject({ rule: "canary" });
  const inRamp = counts({ recovered: 6, diedAgain: 1 });
  expect(ruleThatStops(plan, never, inRamp, judgedBy(inRamp))).toMatchObject({ rule: "ramp" });
  const beyond = counts({ recovered: 5000, diedAgain: 1 });
  expect(ruleThatStops(plan, never, beyond, judgedBy(beyond))).toBeUndefined();
});

test("a cause that comes back stops it; others are weighed from ten on", () => {
  const same = counts({ recovered: 500, diedAgain: 1, sameCause: 1 });
  expect(ruleThatStops(plain, limits, same, judgedBy(same))).toMatchObject({ rule: "same_cause" });
  expect(ruleThatStops(plain, { ...limits, stopOnSameCause: 2 }, same, judgedBy(same))).toBeUndefined();
  const few = counts({ recovered: 4, diedAgain: 5 });
  expect(ruleThatStops(plain, limits, few, judgedBy(few))).toBeUndefined();
  const tenth = counts({ recovered: 9, diedAgain: 1 });
  expect(ruleThatStops(plain, limits, tenth, judgedBy(tenth))).toBeUndefined();
  const more = counts({ recovered: 8, diedAgain: 2 });
  expect(ruleThatStops(plain, limits, more, judgedBy(more))).toMatchObject({
    rule: "failures",
    why: "2 of 10 died again, which is more than 10%",
  });
});

test("what was forgiven does not stop it again", () => {
  const now = counts({ recovered: 8, diedAgain: 4, sameCause: 4 });
  expect(ruleThatStops(plain, limits, now, { recovered: 0, diedAgain: 0, sameCause: 0 })).toBeUndefined();
  expect(ruleThatStops(plain, limits, now, { recovered: 3, diedAgain: 1, sameCause: 1 })).toMatchObject({
    rule: "same_cause",
  });
});
