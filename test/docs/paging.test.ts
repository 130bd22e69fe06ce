import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { parse, parseDocument } from "yaml";
import { healthLimits } from "../../model/health.ts";
import { runOffice } from "../../worker/index.ts";
import { readMetrics } from "../setup/read-metrics.ts";
import { openWorld } from "../setup/world.ts";
import { blocksOf, codeWords, readDocument, root, tableRows } from "./read-docs.ts";

// What docs/paging.md and the alert rules name is what an office answers.

const document = "docs/paging.md";

test("the page lists the metrics that an office has, with type and labels, and /health's answer", async () => {
  await using world = await openWorld();
  const { address, namespace, databaseUrl } = world;
  await using office = await runOffice({ address, namespace, databaseUrl, listen: "127.0.0.1:0" });
  const page = readMetrics(await (await fetch(`${office.url}/metrics`)).text());
  const told = tableRows(await readDocument(document), "## Metrics").map(
    ([name, type]) => `${codeWords(name!)[0]} ${type}`,
  );
  const ours = [...page].filter(([name]) => name.startsWith("dlo_")).map(([name, { type }]) => `${name} ${type}`);
  expect(told.filter((line) => !line.startsWith("temporal_")).toSorted()).toEqual(ours.toSorted());
  // Where another Runtime is installed, as by these tests, it is left as it is.
  expect([...page.keys()].filter((name) => name.startsWith("temporal_"))).toEqual([]);

  const shown = (await blocksOf(document)).find(({ language }) => language === "json")!;
  const health = (await (await fetch(`${office.url}/health`)).json()) as object;
  expect(Object.keys(JSON.parse(shown.text) as object)).toEqual(Object.keys(health));
});

test("the options of health are those that the code takes", async () => {
  const options = tableRows(await readDocument(document), "### Health").map(([option]) => codeWords(option!)[0]);
  expect(() => healthLimits({ zzz: 1 } as never)).toThrow(`Known: ${options.join(", ")}`);
});

test("the alert rules are valid YAML, and ask for metrics and labels that the page lists", async () => {
  const source = await readFile(join(root, "examples/alerts.yml"), "utf8");
  expect(parseDocument(source, { strict: true }).errors).toEqual([]);
  const { groups } = parse(source) as { groups: { name: string; rules: Rule[] }[] };
  const rules = groups.flatMap((group) => group.rules);
  expect(new Set(rules.map(({ alert }) => alert)).size).toBe(rules.length);
  const metrics = new Map(
    tableRows(await readDocument(document), "## Metrics").map(([name, , labels]) => [
      codeWords(name!)[0]!,
      codeWords(labels!),
    ]),
  );
  for (const { alert, expr, labels, annotations } of rules) {
    const names = expr.match(/\bdlo_\w+/g) ?? [];
    expect({ alert, known: names.map((name) => metrics.has(name)) }).toEqual({ alert, known: [true] });
    const asked = [...expr.matchAll(/by \(([\w, ]+)\)/g)].flatMap(([, list]) => list!.split(", "));
    const matched = [...expr.matchAll(/[{,](\w+)="/g)].map(([, label]) => label!);
    const known = ["job", ...metrics.get(names[0]!)!];
    expect({ alert, unknown: [...asked, ...matched].filter((label) => !known.includes(label)) }).toEqual({
      alert,
      unknown: [],
    });
    expect(labels.severity).toMatch(/^(page|ticket)$/);
    expect(annotations.summary).not.toBe("");
  }
});

type Rule = {
  readonly alert: string;
  readonly expr: string;
  readonly labels: { readonly severity: string };
  readonly annotations: { readonly summary: string };
};

test("the YAML of the page is valid", async () => {
  const blocks = (await blocksOf(document)).filter(({ language }) => language === "yaml");
  expect(blocks).toHaveLength(2);
  for (const { text } of blocks) expect(parseDocument(text, { strict: true }).errors).toEqual([]);
});
