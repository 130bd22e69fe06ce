/** Numbers as a line of bars, the tallest for the largest; a dot for none at all, which one bar more would hide. */
export function sparkline(numbers: readonly number[]): string {
  const largest = Math.max(0, ...numbers);
  return numbers.map((n) => (n <= 0 ? "·" : (bars[Math.ceil((n / largest) * bars.length) - 1] ?? ""))).join("");
}

const bars = ["▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"];
