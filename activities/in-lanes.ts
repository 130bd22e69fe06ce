/** Works on some items at a time, and returns what came of them in their own order. The first error ends it, once what is under way has ended. */
export async function inLanes<Item, Result>(
  items: readonly Item[],
  lanes: number,
  work: (item: Item) => Promise<Result>,
): Promise<Result[]> {
  const results: Result[] = [];
  let next = 0;
  let failed = false;
  const lane = async () => {
    while (next < items.length && !failed) {
      const n = next++;
      try {
        results[n] = await work(items[n] as Item);
      } catch (error) {
        failed = true;
        throw error;
      }
    }
  };
  const settled = await Promise.allSettled(Array.from({ length: Math.min(lanes, items.length) }, lane));
  for (const end of settled) if (end.status === "rejected") throw end.reason;
  return results;
}
