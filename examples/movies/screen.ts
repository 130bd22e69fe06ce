import { paint } from "../../cli/paint.ts";

/** Work that is under way, at one moment. */
export type Progress = {
  readonly done: number;
  readonly of: number;
  /** What to tell beside the count: `["1,190 stored", "44 died"]`. */
  readonly facts: readonly string[];
};

/** Where the example tells its story: a log, and under it, while something is under way, how far it is. */
export type Screen = {
  /** A line for the log; none for an empty one. */
  say(line?: string): void;
  /**
   * Shows the progress until `rest`: on a terminal a bar that is redrawn, elsewhere a line every few seconds. The last
   * state stays in the log.
   */
  follow(look: () => Progress): void;
  /** Ends what is followed, if anything is. */
  rest(): void;
};

const redrawMs = 100;
const plainMs = 3_000;
const barColumns = 28;

export function openScreen(stream: NodeJS.WriteStream): Screen {
  let live: (() => string) | undefined;
  let rest: () => void = () => undefined;
  const erase = () => {
    if (live && stream.isTTY) stream.write("\r\u001b[K");
  };
  const draw = () => {
    if (live && stream.isTTY) stream.write(live());
  };
  const say = (line = "") => {
    erase();
    stream.write(`${line}\n`);
    draw();
  };
  return { say, follow, rest: () => rest() };

  function follow(look: () => Progress): void {
    const rate = ratePerSecond();
    let told = "";
    const tell = () => {
      const text = plainLine(look());
      if (text !== told) say(text);
      told = text;
    };
    const redraw = () => {
      erase();
      draw();
    };
    if (stream.isTTY) {
      live = () => barLine(look(), rate(look().done), stream.columns);
      draw();
    }
    const timer = stream.isTTY ? setInterval(redraw, redrawMs) : setInterval(tell, plainMs);
    rest = () => {
      rest = () => undefined;
      clearInterval(timer);
      if (!stream.isTTY) return tell();
      erase();
      live = undefined;
      stream.write(`${barLine(look(), undefined, stream.columns)}\n`);
    };
  }
}

function plainLine({ done, of, facts }: Progress): string {
  return `  ${[`${count(done)} of ${count(of)}`, ...facts].join(" · ")}`;
}

/** At most one row, as a longer one could not be erased. */
function barLine({ done, of, facts }: Progress, rate: number | undefined, columns: number): string {
  const full = of === 0 ? barColumns : Math.round((done / of) * barColumns);
  const bar = paint("green", "━".repeat(full)) + paint("dim", "━".repeat(barColumns - full));
  const told = [`${count(done)} of ${count(of)}`, ...facts, ...(rate === undefined ? [] : [`${rate}/s`])].join(" · ");
  return `  ${bar}  ${told.slice(0, Math.max(0, columns - barColumns - 5))}`;
}

/** How many a second, over the last three. */
function ratePerSecond(): (done: number) => number {
  const looks: { atMs: number; done: number }[] = [];
  return (done) => {
    const atMs = performance.now();
    looks.push({ atMs, done });
    while (looks.length > 2 && atMs - (looks[0]?.atMs ?? atMs) > 3_000) looks.shift();
    const [first = { atMs, done }] = looks;
    return atMs - first.atMs < 500 ? 0 : Math.round(((done - first.done) * 1_000) / (atMs - first.atMs));
  };
}

/** 3,201 */
export function count(number: number): string {
  return number.toLocaleString("en-US");
}

/** `1 record`, `3,201 records` */
export function counted(number: number, one: string, many = `${one}s`): string {
  return `${count(number)} ${number === 1 ? one : many}`;
}
