/** One thing that was looked at. */
export type Check = {
  readonly what: string;
  readonly ok: boolean;
  /** What was found. */
  readonly detail: string;
  /** What to do about it; beside `ok` it is a hint. */
  readonly mend?: string;
};

export function fine(what: string, detail: string): Check {
  return { what, ok: true, detail };
}

/** Nothing is broken, but it could be better. */
export function hint(what: string, detail: string, mend: string): Check {
  return { what, ok: true, detail, mend };
}

export function wrong(what: string, detail: string, mend: string): Check {
  return { what, ok: false, detail, mend };
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
