/** Times in milliseconds, over runs one after another. */
export type Times = { readonly p50: number; readonly p95: number };

/** @param ask takes the number of the run, so that each can ask for something else */
export async function measure(ask: (run: number) => Promise<unknown>, runs = 30, warmUps = runs): Promise<Times> {
  const times: number[] = [];
  for (let run = -warmUps; run < runs; run++) {
    const began = performance.now();
    await ask(run + warmUps);
    if (run >= 0) times.push(performance.now() - began);
  }
  return timesOf(times);
}

export function timesOf(times: readonly number[]): Times {
  return { p50: quantile(times, 0.5), p95: quantile(times, 0.95) };
}

export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  const value = sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
  if (value === undefined) throw new Error("Nothing was measured");
  return value;
}

/** `0.7`, `12`, `1,135` */
export function ms(value: number): string {
  return value < 10 ? value.toFixed(1) : Math.round(value).toLocaleString("en");
}

export function shownTimes({ p50, p95 }: Times): string {
  return `${ms(p50)} / ${ms(p95)}`;
}
