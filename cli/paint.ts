import { styleText } from "node:util";

type Format = Parameters<typeof styleText>[0];

/** Colour, only where the stream is a terminal that shows it; NO_COLOR and FORCE_COLOR are heeded. */
export function paint(format: Format, text: string, stream: NodeJS.WriteStream = process.stdout): string {
  return showsColour(stream) ? styleText(format, text, { validateStream: false }) : text;
}

function showsColour(stream: NodeJS.WriteStream): boolean {
  const { NO_COLOR, FORCE_COLOR } = process.env;
  if (FORCE_COLOR !== undefined) return FORCE_COLOR !== "0" && FORCE_COLOR !== "false";
  return NO_COLOR === undefined && stream.isTTY && stream.hasColors();
}
