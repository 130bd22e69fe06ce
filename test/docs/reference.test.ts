import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import type { CommandUnknownOpts } from "@commander-js/extra-typings";
import { expect, test } from "vitest";
import { program } from "../../cli/program.ts";
import { categories, needsPerson } from "../../model/category.ts";
import { commandFields, commandNames, signatureFields } from "../../model/command.ts";
import { defineConfig, defineJob } from "../../model/index.ts";
import { errorCodes } from "../../model/office-error.ts";
import { causeEventTypes, eventTypes, letterEventTypes } from "../../model/event.ts";
import { readCommand } from "../../model/read-command.ts";
import { reasons } from "../../model/reason.ts";
import { searchAttributeNames } from "../../model/search-attributes.ts";
import { openDatabase } from "../../schema/database.ts";
import { parkDeath } from "../../schema/park-death.ts";
import { deathOf } from "../schema/deaths.ts";
import { openWorld, until, type World } from "../setup/world.ts";
import { blocksOf, codeWords, documents, readDocument, root, tableRows } from "./read-docs.ts";

// What the documents list is what the code has: no more, no less.

test("every error code has a section, and its exit code is told", async () => {
  const text = await readDocument("docs/errors.md");
  const rows = tableRows(text).map(([code, exit]) => [codeWords(code!)[0], Number(exit)]);
  expect(rows).toEqual(Object.entries(errorCodes).map(([code, { exit }]) => [code, exit]));
  expect(headings(text, "###")).toEqual(Object.keys(errorCodes));
  for (const section of text.split("\n### ").slice(1)) {
    expect(section).toContain("**When**");
    expect(section).toContain("**Do**");
  }
});

test("every event type has a row and a section", async () => {
  const text = await readDocument("docs/events.md");
  expect(tableRows(text).map(([type]) => codeWords(type!)[0])).toEqual([...eventTypes]);
  expect(headings(text, "###")).toEqual([...eventTypes]);
});

test("an event's data is what the code writes, as the page lists it", async () => {
  const told = await toldData();
  await using world = await openWorld();
  await world.office();
  const job = defineJob({
    name: "ends",
    input: anything,
    activity: { retry: { maximumAttempts: 1 } },
    deadLetter: { onExpire: "retry", maximumRetries: 1 },
  });
  let ends = false;
  await world.worker({
    jobs: [
      job.handle(() => {
        if (!ends) throw new Error("not yet");
      }),
    ],
  });
  const dead = async (id: string) => {
    await (await world.dlo.start(job, {}, { id })).result().catch(() => undefined);
    return (await world.dlo.letters.get(id)).id;
  };
  const { letters, temporal } = world.dlo;
  const first = await dead("first");
  await letters.note(first, { text: "n" });
  await letters.extend(first, { retention: "1 day" });
  await letters.amend(first, { input: {}, unchecked: true });
  await temporal.workflow.getHandle("dead-letter/first").signal("amend", {});
  await letters.retry(first, { after: "1 day", input: {}, unchecked: true });
  await letters.retry(first, { waitFor: "30 seconds" });
  ends = true;
  await letters.expire(first);
  await until(async () => (await letters.get(first)).status === "recovered");
  ends = false;
  await letters.discard(await dead("second"));
  const third = await dead("third");
  await letters.expire(third);
  await until(async () => (await letters.get(third)).deaths === 2 && (await letters.get(third)).status === "parked");
  await letters.expire(third);
  const rows = await writtenData(world);
  for (const { type, keys } of rows) expect({ type, keys }).toEqual({ type, keys: told.get(type) });
  const seen = rows.map(({ type }) => type);
  // These need another run of the id, a cancelled one, an export, a queue's policy, or commands of their own.
  expect(letterEventTypes.filter((type) => !seen.includes(type))).toEqual([
    "retry_cancelled",
    "waiting",
    "expiring",
    "superseded",
    "moved",
    "reopened",
    "code_asked",
    "code_ran",
    "code_failed",
    "code_dropped",
    "policy_applied",
    "imported",
    "restored",
    "settled",
    "captured",
  ]);
});

test("so is a cause's event's", async () => {
  const told = await toldData();
  await using world = await openWorld();
  await using database = openDatabase(world.databaseUrl, { connections: 2 });
  await world.office();
  const { causes } = world.dlo;
  let deaths = 0;
  const die = async (buildId?: string) => {
    const otherwise = {
      namespace: world.namespace,
      diedAtMs: Date.now(),
      ...(buildId === undefined ? {} : { buildId }),
    };
    await parkDeath(database.db, deathOf(`job/${deaths++}`, otherwise));
  };
  let returns = 0;
  const returned = async () => {
    returns++;
    await until(async () => (await world.sql`select from dlo.events where type = 'cause_returned'`).length === returns);
  };
  await die("1.0");
  const { id } = (await causes.list()).causes[0]!;
  await causes.note(id, { text: "known" });
  await causes.assign(id, { owner: "ann" });
  await causes.rename(id, { title: "titles" });
  await causes.resolve(id, { inBuild: "1.1" });
  await die("1.1");
  await returned();
  await causes.ignore(id, { until: "1 day" });
  await causes.reopen(id);
  await causes.ignore(id, { until: "1 ms" });
  await die();
  await returned();
  await causes.ignore(id, { rate: { deaths: 1, within: "1 day" } });
  await die();
  await returned();
  await causes.regroup({}, { apply: true, rules: [{ name: "all", match: { job: "*" } }] });
  const rows = await writtenData(world);
  for (const { type, keys } of rows) expect({ type, keys }).toEqual({ type, keys: told.get(type) });
  expect(rows.map(({ type }) => type).filter((type) => type.startsWith("cause_"))).toEqual(causeEventTypes.toSorted());
});

async function toldData(): Promise<Map<string | undefined, string[]>> {
  const rows = tableRows(await readDocument("docs/events.md"));
  return new Map(rows.map(([type, , , data]) => [codeWords(type!)[0], codeWords(data!).toSorted()]));
}

/** The keys of the data of all events of each type. */
async function writtenData({ sql }: World): Promise<{ type: string; keys: string[] }[]> {
  return await sql`
    select type, coalesce(array_agg(distinct key order by key) filter (where key is not null), '{}') as keys
    from dlo.events left join lateral jsonb_object_keys(data) as key on true group by type order by type`;
}

test.for<[string, string, object]>([
  ["Job options", "job option", { zzz: 0 }],
  ["Activity options", "activity option", { activity: { zzz: 0 } }],
  ["Retry options", "retry option", { activity: { retry: { zzz: 0 } } }],
  ["Dead letter options", "deadLetter option", { deadLetter: { zzz: 0 } }],
  ["The configuration", "config key", { zzz: 0 }],
])("%s: those that the code takes", async ([heading, what, given]) => {
  const isConfig = heading === "The configuration";
  const text = await readDocument("docs/jobs.md");
  const told = tableRows(text, `${isConfig ? "##" : "###"} ${heading}`).map(([option]) => codeWords(option!)[0]!);
  const message = messageOf(() => (isConfig ? defineConfig(given) : defineJob({ ...plain, ...given })));
  expect(message).toContain(what);
  const [, known = ""] = message.split("Known: ");
  expect(told.toSorted()).toEqual(known.split(", ").toSorted());
});

test("reasons and categories are told, and which need a person", async () => {
  const text = await readDocument("docs/jobs.md");
  const after = text.slice(text.indexOf("\n## How a job dies\n"));
  expect(tableRows(after).map(([reason]) => codeWords(reason!)[0])).toEqual([...reasons]);
  const rows = tableRows(after.slice(after.indexOf("The *category*"))).map(([word, , person]) => [
    codeWords(word!)[0],
    person === "yes",
  ]);
  expect(rows).toEqual(categories.map((category) => [category, needsPerson(category)]));
});

test("what a handler is told is what the page lists", async () => {
  const told = tableRows(await readDocument("docs/jobs.md"), "## The handler").flatMap(([field]) =>
    codeWords(field!).map((word) => /^\w+/.exec(word)![0]),
  );
  const source = readFileSync(join(root, "model/job.ts"), "utf8");
  const type = /export type JobContext = \{([\s\S]*?)\n\};/.exec(source)![1]!;
  const fields = [...type.matchAll(/^ {2}(?:readonly )?(\w+)[(:]/gm)].map(([, name]) => name!);
  expect(told.toSorted()).toEqual(fields.toSorted());
});

test("every command of a letter has a section with its fields, and its JSON is taken", async () => {
  const text = await readDocument("docs/letters.md");
  expect(headings(text, "###")).toEqual([...commandNames]);
  expect(
    tableRows(text.slice(text.indexOf("All commands take these fields"))).map(([field]) => codeWords(field!)[0]),
  ).toEqual([...signatureFields]);
  for (const name of commandNames) {
    const section = text.split(`\n### ${name}\n`)[1]!.split("\n#")[0]!;
    const fields: readonly string[] = commandFields[name];
    const told = section.includes("| field |") ? tableRows(`\n${section}`).map(([field]) => codeWords(field!)[0]) : [];
    expect({ name, told }).toEqual({ name, told: [...fields] });
    const json = /```json\n([\s\S]*?)```/.exec(section)![1]!;
    expect(readCommand(name, JSON.parse(json))).toMatchObject({ name });
  }
});

test("every environment variable is told, and no other", async () => {
  const told = tableRows(await readDocument("docs/jobs.md"), "## Environment variables").map(
    ([name]) => codeWords(name!)[0]!,
  );
  const sources = ["model", "worker", "cli", "connect", "stack", "setup", "client"].flatMap((folder) =>
    readdirSync(join(root, folder))
      .filter((file) => file.endsWith(".ts"))
      .map((file) => readFileSync(join(root, folder, file), "utf8")),
  );
  const used = new Set(sources.flatMap((source) => source.match(/\bDLO_[A-Z][A-Z_]+\b/g) ?? []));
  expect(told.toSorted()).toEqual([...used].toSorted());
  for (const document of documents) {
    const named = (await readDocument(document)).match(/\bDLO_[A-Z][A-Z_]+\b/g) ?? [];
    expect({ document, unknown: named.filter((name) => !told.includes(name)) }).toEqual({ document, unknown: [] });
  }
});

test("every search attribute is told", async () => {
  for (const document of ["docs/letters.md", "docs/deploy.md"])
    for (const name of searchAttributeNames) expect(await readDocument(document)).toContain(name);
});

test.each(documents)("%s: every dlo command and its flags exist", async (document) => {
  const { commands } = program();
  const byName = new Map(commands.map((command) => [command.name(), command]));
  const lines = [
    ...(await blocksOf(document))
      .filter(({ language }) => language === "sh")
      .flatMap(({ text }) => text.replaceAll("\\\n", " ").split("\n")),
    ...codeWords((await readDocument(document)).replaceAll(/```[\s\S]*?```/g, "")),
  ];
  for (const line of lines)
    for (const part of line.replace(/#.*$/, "").split("|")) {
      const [, name, rest = ""] = /(?:^|\s)dlo ([a-z]+(?:-[a-z]+)*)\b(.*)$/.exec(part.trim()) ?? [];
      if (name === undefined) continue;
      const named = byName.get(name);
      expect(named, `${document}: dlo ${name}`).toBeDefined();
      const [word] = rest.trim().split(" ");
      const command = named?.commands.find((subcommand) => subcommand.name() === word) ?? named;
      for (const flag of rest.replaceAll(/'[^']*'|"[^"]*"/g, "").match(/--[a-z-]+/g) ?? [])
        expect(flagsOf(command!), `${document}: ${part.trim()}`).toContain(flag);
    }
});

test("every command of dlo is named in the changelog", async () => {
  const text = await readDocument("CHANGELOG.md");
  for (const command of program().commands) expect(text).toContain(`\`${command.name()}\``);
});

test.each(documents)("%s: every link leads somewhere", async (document) => {
  const text = (await readDocument(document)).replaceAll(/```[\s\S]*?```/g, "");
  for (const [, target] of text.matchAll(/\]\(([^)\s]+)\)/g)) {
    if (/^https?:/.test(target!)) continue;
    const [path = "", anchor] = target!.split("#");
    const file = path === "" ? join(root, document) : resolve(root, dirname(document), path);
    expect(existsSync(file), `${document}: ${target}`).toBe(true);
    if (anchor !== undefined) expect(anchors(readFileSync(file, "utf8")), `${document}: ${target}`).toContain(anchor);
  }
});

test.each(["docs/internals.md", "docs/capabilities.md", "CONTRIBUTING.md"])(
  "%s: every file that it names exists",
  async (document) => {
    const words = codeWords((await readDocument(document)).replaceAll(/```[\s\S]*?```/g, ""));
    const paths = words.filter((word) => /^(\.?[\w-]+\/)+[\w.-]*$/.test(word) && !word.startsWith("dead-letter"));
    expect(paths.length).toBeGreaterThan(10);
    for (const path of paths) expect(existsSync(join(root, path)), `${document}: ${path}`).toBe(true);
  },
);

test("every folder has its row in the layout, with the arrows that the lint enforces", async () => {
  const rows = tableRows(await readDocument("CONTRIBUTING.md"), "## Layout: the folders are the architecture");
  const told = new Map(
    rows.flatMap(([folders, , imports]) =>
      codeWords(folders!).map((folder) => [folder.slice(0, -1), imports!] as const),
    ),
  );
  const folders = readdirSync(root).filter(
    (name) => !/^(\.|node_modules|dist)/.test(name) && statSync(join(root, name)).isDirectory(),
  );
  expect([...told.keys()].toSorted()).toEqual(folders.toSorted());
  const lint = readFileSync(join(root, ".dependency-cruiser.mjs"), "utf8");
  const arrows = [...lint.matchAll(/layer\("(\w+)", "([\w ]*)"/g)].map(([, folder, imports]) => [
    folder,
    imports!.split(" ").filter(Boolean),
  ]);
  expect(arrows).toHaveLength(11);
  for (const [folder, imports] of arrows)
    expect({ folder, imports: codeWords(told.get(folder as string)!) }).toEqual({ folder, imports });
});

test("the queries of the tables' page run", async () => {
  await using world = await openWorld();
  const queries = (await blocksOf("docs/tables.md")).filter(({ language }) => language === "sql");
  expect(queries).toHaveLength(3);
  for (const { text } of queries) expect(await world.sql.unsafe(text)).toEqual([]);
});

const anything = { "~standard": { version: 1, vendor: "test", validate: (value: unknown) => ({ value }) } } as const;
const plain = { name: "plain", input: anything };

function headings(text: string, hashes: string): string[] {
  return text.split("\n").flatMap((line) => (line.startsWith(`${hashes} `) ? [line.slice(hashes.length + 1)] : []));
}

/** As GitHub makes them. */
function anchors(markdown: string): string[] {
  return markdown
    .replaceAll(/```[\s\S]*?```/g, "")
    .split("\n")
    .flatMap((line) => /^#{1,6} (.*)$/.exec(line)?.[1] ?? [])
    .map((heading) =>
      heading
        .toLowerCase()
        .replaceAll(/[^\w\s-]/g, "")
        .trim()
        .replaceAll(/\s/g, "-"),
    );
}

function messageOf(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    return (error as Error).message;
  }
  throw new Error("it was taken");
}

function flagsOf(command: CommandUnknownOpts): string[] {
  return [
    ...command.options.flatMap(({ long, negate }) => [long, negate ? long?.replace("--no-", "--") : undefined]),
    "--help",
  ].filter((flag) => flag !== undefined);
}
