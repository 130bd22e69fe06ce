import { notice } from "./output-flag.ts";

/** How an export gets on: a line that is drawn anew, where standard error is a terminal that standard output is not. */
export function exportProgress() {
  const began = performance.now();
  const { isTTY } = process.stderr;
  const drawn = isTTY && !process.stdout.isTTY;
  let letters = 0;
  let drawnAt = began;
  const clear = () => {
    if (drawn) process.stderr.write("\r\u001b[2K");
  };
  return {
    show(count: number): void {
      letters = count;
      const now = performance.now();
      if (!drawn || now - drawnAt < redrawMs) return;
      drawnAt = now;
      process.stderr.write(`\r\u001b[2K${said(letters)}, ${said(rate(letters, began))} a second`);
    },
    clear,
    /** What came of it. Beside data on a terminal it would only stand in the way. */
    sum(file: string | undefined): void {
      if (file !== undefined || drawn)
        notice(`${said(letters)} ${letters === 1 ? "letter" : "letters"}${file === undefined ? "" : ` in ${file}`}.`);
    },
  };
}

const redrawMs = 200;

function rate(letters: number, began: number): number {
  return Math.round((letters / Math.max(performance.now() - began, 1)) * 1000);
}

function said(count: number): string {
  return count.toLocaleString("en-US");
}
