/**
 * Asks once, however many want to know: who comes while a question is under way gets its answer, so that one which hangs is
 * not joined by others; and who comes within `freshMs` of an answer gets that one.
 */
export function oneAtATime<Answer>(ask: () => Promise<Answer>, freshMs = 0): () => Promise<Answer> {
  let pending: Promise<Answer> | undefined;
  let last: { readonly answer: Answer; readonly atMs: number } | undefined;
  const question = async () => {
    try {
      const answer = await ask();
      last = { answer, atMs: performance.now() };
      return answer;
    } finally {
      pending = undefined;
    }
  };
  return async () => {
    if (last !== undefined && performance.now() - last.atMs < freshMs) return last.answer;
    return await (pending ??= question());
  };
}
