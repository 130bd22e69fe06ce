/** Ends within so many milliseconds are not split further, however many they are. */
const narrowestMs = 1_000;

export type Span = { readonly fromMs: number; readonly untilMs: number };

/**
 * The first part of a span of time in which few enough runs closed. Temporal lists them in no order, so that a place can only be kept
 * as a moment; but it counts them. One question where there is nothing more at all.
 *
 * @param most that the part is to hold
 * @param widthMs of the first guess. @default the whole span
 */
export async function nextSpan(
  count: (fromMs: number, untilMs: number) => Promise<number>,
  { fromMs, untilMs }: Span,
  { most, widthMs = untilMs - fromMs }: { readonly most: number; readonly widthMs?: number },
): Promise<Span & { readonly isEmpty: boolean }> {
  const all = await count(fromMs, untilMs);
  if (all === 0) return { fromMs, untilMs, isEmpty: true };
  let width = Math.min(Math.max(widthMs, narrowestMs), untilMs - fromMs);
  for (;;) {
    const found = width === untilMs - fromMs ? all : await count(fromMs, fromMs + width);
    if (found <= most || width <= narrowestMs) return { fromMs, untilMs: fromMs + width, isEmpty: found === 0 };
    width = Math.max(Math.ceil(width / 2), narrowestMs);
  }
}
