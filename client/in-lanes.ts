/** Works on some at a time, and yields what came of them in their own order. */
export async function* inLanes<Item, Result>(
  items: AsyncIterable<Item> | Iterable<Item>,
  work: (item: Item) => Promise<Result>,
  lanes: number,
): AsyncGenerator<Result> {
  const underWay: Promise<Result>[] = [];
  try {
    for await (const item of items) {
      const begun = work(item);
      // It may fail before its turn to be looked at.
      begun.catch(() => undefined);
      underWay.push(begun);
      const first = underWay.length < lanes ? undefined : underWay.shift();
      if (first !== undefined) yield await first;
    }
    for (let first = underWay.shift(); first !== undefined; first = underWay.shift()) yield await first;
  } finally {
    await Promise.allSettled(underWay);
  }
}
