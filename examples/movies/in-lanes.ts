/**
 * Does the work for each item, at most so many at a time, in the items' order.
 *
 * The first error, and the signal's reason, end it: what runs is left to itself, and nothing new begins.
 */
export async function inLanes<Item>(
  items: readonly Item[],
  lanes: number,
  signal: AbortSignal,
  work: (item: Item) => Promise<unknown>,
): Promise<void> {
  const failed = new AbortController();
  const either = AbortSignal.any([signal, failed.signal]);
  const queue = items.values();
  const lane = async () => {
    for (const item of queue) {
      either.throwIfAborted();
      try {
        await work(item);
      } catch (error) {
        failed.abort(error);
        throw error;
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(lanes, items.length) }, lane));
}
