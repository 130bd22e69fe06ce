/** A bar as long as the number's part of the largest one, to an eighth of a character; the least is still to be seen. */
export function bar(n: number, largest: number, width: number): string {
  if (n <= 0 || largest <= 0) return "";
  const eighths = Math.max(1, Math.round((n / largest) * width * 8));
  return "█".repeat(Math.floor(eighths / 8)) + (eighthBlocks[eighths % 8] ?? "");
}

const eighthBlocks = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
