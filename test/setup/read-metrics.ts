/** A family of metrics in Prometheus' text format. */
export type Family = {
  readonly help: string;
  readonly type: string;
  readonly samples: readonly {
    readonly name: string;
    readonly labels: Readonly<Record<string, string>>;
    readonly value: number;
  }[];
};

/** Reads Prometheus' text format 0.0.4, and refuses what a strict reader would: one family is one block, told once. */
export function readMetrics(text: string): Map<string, Family> {
  if (!text.endsWith("\n")) throw new Error("The last line does not end");
  const families = new Map<string, Family & { samples: Family["samples"][number][] }>();
  const seen = new Set<string>();
  let current: string | undefined;
  for (const [i, line] of text.split("\n").entries()) {
    const where = `line ${i + 1}: ${line}`;
    if (line === "") continue;
    const [, kind, name, rest] = /^# (HELP|TYPE) ([a-zA-Z_:][\w:]*) (.*)$/.exec(line) ?? [];
    if (kind === "HELP") {
      if (families.has(name!)) throw new Error(`told twice, ${where}`);
      families.set(name!, { help: rest!, type: "", samples: [] });
      current = name;
    } else if (kind === "TYPE") {
      if (name === undefined || name !== current || !/^(counter|gauge|histogram|summary|untyped)$/.test(rest!))
        throw new Error(where);
      families.set(name, { ...families.get(name)!, type: rest! });
    } else {
      const [, sample, labels = "", value] = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)$/.exec(line) ?? [];
      const number = value === "+Inf" ? Infinity : Number(value);
      if (sample === undefined || Number.isNaN(number)) throw new Error(where);
      const family = families.get(current ?? "");
      const base = family?.type === "histogram" ? sample.replace(/_(bucket|sum|count)$/, "") : sample;
      if (family === undefined || base !== current) throw new Error(`outside of its family, ${where}`);
      if (seen.has(`${sample}{${labels}}`)) throw new Error(`the same sample twice, ${where}`);
      seen.add(`${sample}{${labels}}`);
      const pairs = [...labels.matchAll(/([a-zA-Z_]\w*)="((?:[^"\\\n]|\\[\\"n])*)"(?:,|$)/g)];
      if (pairs.map(([whole]) => whole).join("") !== labels) throw new Error(`labels, ${where}`);
      family.samples.push({
        name: sample,
        labels: Object.fromEntries(pairs.map(([, key, text]) => [key!, text!])),
        value: number,
      });
    }
  }
  return families;
}

/** The value of the one sample that has all of these labels. */
export function valueOf(
  families: Map<string, Family>,
  name: string,
  labels: Readonly<Record<string, string>> = {},
): number {
  const found = families
    .get(name)
    ?.samples.filter((sample) => Object.entries(labels).every(([key, value]) => sample.labels[key] === value));
  if (found?.length !== 1) throw new Error(`${found?.length ?? 0} samples of ${name} with ${JSON.stringify(labels)}`);
  return found[0]!.value;
}
