/** What is shown at the moment. */
export type Shown = {
  /** The block at the foot of the terminal. */
  readonly block: readonly string[];
  /** What has happened since, to stay above it. */
  readonly news: readonly string[];
};

/** A log that grows upwards from a small block, which is redrawn; off a terminal the log alone. */
export type LiveView = {
  /** Writes a line above the block. */
  readonly say: (line: string) => void;
  /** Asks `look` again and again and shows the answer, until the signal. Off a terminal the block is written once. */
  watch(look: () => Promise<Shown>, signal: AbortSignal): Promise<void>;
  /** Takes the block away; lines still come. */
  freeze(): void;
  close(): void;
};

const redrawMs = 1000;

/** While it is open, all that this process writes to stdout and stderr goes above the block. */
export function openLiveView(stream: NodeJS.WriteStream): LiveView {
  if (!stream.isTTY) return plainView(stream);
  const write = stream.write.bind(stream);
  let block: readonly string[] = [];
  let drawnRows = 0;
  const erase = () => {
    if (drawnRows > 0) write(`\u001b[${drawnRows}A\u001b[0J`);
    drawnRows = 0;
  };
  const draw = () => {
    const lines = block.map((line) => fit(line, stream.columns)).slice(0, Math.max(1, stream.rows - 1));
    if (lines.length > 0) write(`${lines.join("\n")}\n`);
    drawnRows = lines.length;
  };
  const above = (text: string) => {
    erase();
    write(text.endsWith("\n") ? text : `${text}\n`);
    draw();
  };
  const restore = [stream, process.stderr].map((target) => divert(target, above));
  const freeze = () => {
    erase();
    block = [];
  };
  return {
    say: (line) => above(line),
    async watch(look, signal) {
      await everySecond(look, signal, ({ block: next, news }) => {
        erase();
        for (const line of news) write(`${line}\n`);
        block = next;
        draw();
      });
    },
    freeze,
    close() {
      freeze();
      for (const back of restore) back();
    },
  };
}

function plainView(stream: NodeJS.WriteStream): LiveView {
  const say = (line: string) => void stream.write(`${line}\n`);
  return {
    say,
    async watch(look, signal) {
      let first = true;
      await everySecond(look, signal, ({ block, news }) => {
        if (first) block.forEach(say);
        first = false;
        news.forEach(say);
      });
    },
    freeze: () => undefined,
    close: () => undefined,
  };
}

async function everySecond(
  look: () => Promise<Shown>,
  signal: AbortSignal,
  show: (shown: Shown) => void,
): Promise<void> {
  while (!signal.aborted) {
    const shown = await look();
    if (signal.aborted) return;
    show(shown);
    await new Promise<void>((resolve) => {
      const done = () => {
        clearTimeout(timer);
        signal.removeEventListener("abort", done);
        resolve();
      };
      const timer = setTimeout(done, redrawMs);
      signal.addEventListener("abort", done);
    });
  }
}

/** Lets what is written to a stream go elsewhere; returns how to undo it. */
function divert(stream: NodeJS.WriteStream, above: (text: string) => void): () => void {
  const original = stream.write;
  stream.write = (chunk: string | Uint8Array, encoding?: unknown, callback?: unknown) => {
    above(typeof chunk === "string" ? chunk : Buffer.from(chunk).toString("utf8"));
    const done = typeof encoding === "function" ? encoding : callback;
    if (typeof done === "function") (done as () => void)();
    return true;
  };
  return () => {
    stream.write = original;
  };
}

/** At most one row, colours not counted. */
function fit(line: string, columns: number): string {
  let room = columns;
  let fitted = "";
  for (const part of line.split(/(\u001b\[[0-9;]*m)/)) {
    if (part.startsWith("\u001b[")) fitted += part;
    else {
      fitted += part.slice(0, room);
      room -= Math.min(room, part.length);
    }
  }
  return fitted;
}
