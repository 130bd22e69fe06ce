import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { readDocument, root } from "./read-docs.ts";

// The page of promises names the tests that show each of them, and those tests name the promise.

/** `number: file: title`. */
async function onThePage(): Promise<string[]> {
  const sections = (await readDocument("docs/promises.md")).split("\n## ").slice(1);
  return sections.flatMap((section) => {
    const number = /^\d+/.exec(section)![0];
    const shown = [...section.matchAll(/^- \[(.+?)\]\(\.\.\/(.+?)\): (.+)$/gm)];
    for (const [, name, target] of shown) expect(target).toBe(name);
    return shown.map(([, file, , title]) => `${number}: ${file}: ${title}`);
  });
}

function inTheTests(): string[] {
  const files = readdirSync(join(root, "test"), { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".test.ts"))
    .map((file) => `test/${file.replaceAll("\\", "/")}`);
  return files.flatMap((file) => {
    const source = readFileSync(join(root, file), "utf8");
    const titles = source.matchAll(/"((?:[^"\\\n]|\\.)*) \(promises? ([\d, ]+)\)"/g);
    return [...titles].flatMap(([, title, numbers]) =>
      numbers!.split(", ").map((number) => `${number}: ${file}: ${title}`),
    );
  });
}

test("the tests that the page names are those that name its promises", async () => {
  const told = await onThePage();
  expect(told.toSorted()).toEqual(inTheTests().toSorted());
});

test("every promise has a test: 1 to 19, but for 16 and 17", async () => {
  const headings = [...(await readDocument("docs/promises.md")).matchAll(/^## (\d+)\. /gm)].map(([, number]) => number);
  const numbers = Array.from({ length: 19 }, (_, i) => String(i + 1)).filter((n) => n !== "16" && n !== "17");
  expect(headings).toEqual(numbers);
  const shown = new Set((await onThePage()).map((line) => line.split(":")[0]));
  expect([...shown]).toEqual(numbers);
});
