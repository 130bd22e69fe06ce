import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { encodeValue, serializePayloads } from "../../activities/stored-payloads.ts";
import { openReader } from "../../client/reader.ts";
import { type OpenDatabase, openDatabase } from "../../schema/database.ts";
import { type ParkedDeath, parkDeath } from "../../schema/park-death.ts";
import { projectLetter } from "../../schema/project-letter.ts";
import { SealedCodec } from "../office/sealed.ts";
import { causeNamed, deathOf, diedAt } from "../schema/deaths.ts";
import { openWorld, type World } from "../setup/world.ts";
import { dlo, environmentOf } from "./dlo.ts";

// Each command is a process of its own.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

let world: World;
let database: OpenDatabase;
const ids: Record<string, string> = {};

beforeAll(async () => {
  world = await openWorld();
  database = openDatabase(world.databaseUrl);
  const wrongYear = { cause: causeNamed("year is a string") };
  await letter("this", { ...wrongYear, payload: movie({ year: "1999" }) }, 5);
  await letter("parked", { ...wrongYear, payload: movie({ year: "2001", title: "Amelie" }) }, 4);
  await letter("mended", { ...wrongYear, payload: movie({ year: 2010, title: "Inception" }) }, 3, "recovered");
  await letter("omitted", { ...wrongYear, payload: null, payloadData: null }, 2);
  await letter("other cause", { cause: causeNamed("title is missing"), payload: { year: 1958, country: "US" } }, 9);
  await letter("other error", { error: { type: "RangeError", message: "no", causes: [] }, cause: causeNamed("no") }, 8);
  await letter("alone", { job: "send-mail", cause: causeNamed("alone") }, 7);
});
afterAll(async () => {
  await database?.close();
  await world?.close();
});

test("letters of the same cause come first, then of the same job and error, with what differs", async () => {
  const similar = await world.dlo.letters.similar(ids["this"]!);
  expect(similar.others.map(({ letter: { id }, likeness }) => [likeness, nameOf(id)])).toEqual([
    ["cause", "parked"],
    ["cause", "mended"],
    ["cause", "omitted"],
    ["error", "other cause"],
  ]);
  expect(similar.others[2]!.input).toEqual({ unread: "not stored, as its queue says" });
  expect(similar.compared.map(nameOf)).toEqual(["this", "parked", "mended", "other cause"]);
  expect(similar.comparison.equal).toEqual([{ path: "country", value: "US" }]);
  const cells = Object.fromEntries(
    similar.comparison.varying.map(({ path, cells: all }) => [path, all.map((cell) => cell?.values[0] ?? null)]),
  );
  expect(cells).toEqual({
    cast: [[{ name: "x" }], [{ name: "x" }], [{ name: "x" }], null],
    title: ["Magnolia", "Amelie", "Inception", null],
    year: ["1999", "2001", 2010, 1958],
  });
  // What the one that recovered has, and this one has not.
  expect(similar).toMatchObject({ recovered: 1, hints: [{ path: "year", kind: "type", types: ["number"] }] });
});

test("the same by the reader, without Temporal, and by the command, side by side", async () => {
  await using reader = openReader({ ...world });
  const read = await reader.similar(ids["this"]!, { limit: 2 });
  expect(read.others.map(({ letter: { id } }) => nameOf(id))).toEqual(["parked", "mended"]);
  const { code, stdout } = await run(["similar", ids["this"]!, "--limit", "2"]);
  expect(code).toBe(0);
  const lines = stdout.split("\n");
  expect(lines[1]).toBe("2 like it: 2 of the same cause");
  const at = lines.findIndex((line) => line.startsWith("ID"));
  expect(lines[at]).toMatch(/^ID +LIKE +STATUS +FAILED +title +year$/);
  expect(lines[at + 1]).toMatch(/ this one +parked .* "Magnolia" +"1999"$/);
  expect(lines[at + 2]).toMatch(/ cause +parked .* "Amelie" +"2001"$/);
  expect(lines[at + 3]).toMatch(/ cause +recovered .* "Inception" +2010$/);
  expect(stdout).toContain("The same in all 3");
  expect(stdout).toMatch(/country +"US"/);
  expect(stdout).toMatch(/Unlike the one that recovered\n +year +"1999" \(string\); number in 1 of 1: 2010/);
  const json = JSON.parse((await run(["similar", ids["this"]!, "-o", "json"])).stdout) as { others: object[] };
  expect(json).toMatchObject({
    letter: { id: ids["this"], payload: { year: "1999" } },
    others: [
      { id: ids["parked"], likeness: "cause", status: "parked", payload: { year: "2001" } },
      { id: ids["mended"], status: "recovered" },
      { id: ids["omitted"], unread: "not stored, as its queue says" },
      { id: ids["other cause"], likeness: "error" },
    ],
  });
});

test("what has no room in the terminal is said in lines below", async () => {
  const wide = (n: number) => Object.fromEntries(Array.from({ length: 30 }, (_, i) => [`field_number_${i}`, i * n]));
  for (const n of [1, 2]) await letter(`wide ${n}`, { job: "wide", cause: causeNamed("wide"), payload: wide(n) }, n);
  const { stdout } = await run(["similar", ids["wide 1"]!]);
  expect(stdout).toContain("Differ as well");
  expect(stdout).toMatch(/field_number_\d+ +\d+, \d+/);
  for (const line of stdout.split("\n")) expect(line.length).toBeLessThanOrEqual(160);
});

test("a letter that is like no other says so", async () => {
  const { code, stdout } = await run(["similar", ids["alone"]!]);
  expect(code).toBe(0);
  expect(stdout).toContain("No other letter is like this one");
});

test("encrypted inputs are read with the codec, and without it that is said of each", async () => {
  const codec = new SealedCodec();
  for (const [name, year] of Object.entries({ "sealed 1": "1999", "sealed 2": 2001 })) {
    const payloadData = serializePayloads(await encodeValue({ year, card: "4929" }, [codec]));
    await letter(name, { job: "sealed", cause: causeNamed("sealed"), payload: null, payloadData }, 1);
  }
  const sealed = await world.connect({ codec });
  const similar = await sealed.letters.similar(ids["sealed 1"]!, { redact: ["card"] });
  expect(similar.comparison).toMatchObject({
    equal: [{ path: "card", value: "[redacted]" }],
    varying: [{ path: "year" }],
  });
  const keyless = await world.dlo.letters.similar(ids["sealed 1"]!);
  expect(keyless.compared).toEqual([]);
  expect(keyless.input.unread).toContain("cannot be decoded");
  expect((await run(["similar", ids["sealed 1"]!])).stdout).toContain("Not compared");
});

test("a limit must make sense", async () => {
  await expect(world.dlo.letters.similar(ids["this"]!, { limit: 0 })).rejects.toMatchObject({ code: "USAGE" });
  expect((await run(["similar", ids["this"]!, "--limit", "101"])).code).toBe(2);
});

function movie(with_: object): object {
  return { title: "Magnolia", country: "US", cast: [{ name: "x" }], ...with_ };
}

/** @param minute of its death; the later, the newer */
async function letter(name: string, death: Partial<ParkedDeath>, minute: number, status?: "recovered"): Promise<void> {
  const { letter: parked } = await parkDeath(
    database.db,
    deathOf(`movie/${name}`, { namespace: world.namespace, diedAtMs: diedAt + minute * 60_000, ...death }),
  );
  ids[name] = parked.id;
  if (status !== undefined)
    await projectLetter(database.db, {
      ...{ letterId: parked.id, revision: 1, status, events: [] },
      close: { deaths: 1, reason: null, atMs: diedAt },
    });
}

function nameOf(id: string): string {
  return Object.entries(ids).find(([, known]) => known === id)?.[0] ?? id;
}

async function run(args: readonly string[]) {
  return await dlo(args, { env: environmentOf(world) });
}
