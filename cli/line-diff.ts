/** A line of a difference: in both, only in the old, or only in the new. */
export type DiffLine = { readonly mark: " " | "-" | "+"; readonly text: string };

/** The lines that two texts have, don't have, and share, in order; null stands for shared lines that are left out. */
export function lineDiff(before: string, after: string, context = 2): (DiffLine | null)[] {
  const all = align(before.split("\n"), after.split("\n"));
  const near = all.map((_, i) => all.slice(Math.max(0, i - context), i + context + 1).some(({ mark }) => mark !== " "));
  return all.flatMap((line, i) => {
    if (near[i]) return [line];
    return i === 0 || near[i - 1] ? [null] : [];
  });
}

function align(before: readonly string[], after: readonly string[]): DiffLine[] {
  let head = 0;
  while (head < before.length && head < after.length && before[head] === after[head]) head++;
  let tail = 0;
  const most = Math.min(before.length, after.length) - head;
  while (tail < most && before[before.length - 1 - tail] === after[after.length - 1 - tail]) tail++;
  const shared = (text: string): DiffLine => ({ mark: " ", text });
  return [
    ...before.slice(0, head).map(shared),
    ...alignMiddle(before.slice(head, before.length - tail), after.slice(head, after.length - tail)),
    ...before.slice(before.length - tail).map(shared),
  ];
}

/** Above this many cells the table of lengths is not worth its memory: the middle is shown as replaced whole. */
const mostCells = 4_000_000;

function alignMiddle(before: readonly string[], after: readonly string[]): DiffLine[] {
  const removed = (text: string): DiffLine => ({ mark: "-", text });
  const added = (text: string): DiffLine => ({ mark: "+", text });
  if (before.length * after.length > mostCells) return [...before.map(removed), ...after.map(added)];
  const width = after.length + 1;
  // Longest common subsequence of what follows each pair of positions.
  const lengths = new Uint32Array((before.length + 1) * width);
  const at = (i: number, j: number) => lengths[i * width + j] ?? 0;
  for (let i = before.length - 1; i >= 0; i--)
    for (let j = after.length - 1; j >= 0; j--)
      lengths[i * width + j] = before[i] === after[j] ? at(i + 1, j + 1) + 1 : Math.max(at(i + 1, j), at(i, j + 1));
  const lines: DiffLine[] = [];
  let [i, j] = [0, 0];
  while (i < before.length || j < after.length) {
    const [old, fresh] = [before[i], after[j]];
    if (old !== undefined && old === fresh) {
      lines.push({ mark: " ", text: old });
      i++;
      j++;
    } else if (fresh === undefined || (old !== undefined && at(i + 1, j) >= at(i, j + 1))) {
      lines.push(removed(old ?? ""));
      i++;
    } else {
      lines.push(added(fresh));
      j++;
    }
  }
  return lines;
}
