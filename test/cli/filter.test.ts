import { tmpdir } from "node:os";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { openWorld, until, type World } from "../setup/world.ts";
import { dlo, environmentOf, type Ran, type RunOptions } from "./dlo.ts";
import { deadPayment, takesPayments } from "./payments.ts";

vi.setConfig({ testTimeout: 180_000 });

let world: World;
let run: (args: readonly string[], options?: RunOptions) => Promise<Ran>;

beforeAll(async () => {
  world = await openWorld();
  await world.office();
  await world.worker({ jobs: [takesPayments] });
  run = async (args, options = {}) => await dlo(args, { cwd: tmpdir(), ...options, env: environmentOf(world) });
});
afterAll(async () => await world.close());

test("list and count take a filter in one line, by flags, or by both", async () => {
  const { id, order } = await deadPayment(world);
  await deadPayment(world);
  const line = `job:take-payment category:network payload.order=${JSON.stringify(order)} failed:<4h "did not get through"`;
  for (const args of [
    [line],
    line.split(" "),
    [
      "--job",
      "take-*,other",
      "--category",
      "network",
      "--payload",
      `order=${JSON.stringify(order)}`,
      "--failed",
      "<4h",
    ],
    [
      "--not",
      "status:closed tag:vip tag:usual failed:1h..4h",
      "--text",
      "did not get through",
      `payload.order=${JSON.stringify(order)}`,
    ],
  ]) {
    const listed = await run(["list", ...args, "-o", "jsonl"]);
    expect(listed).toMatchObject({ code: 0, stderr: "" });
    expect(JSON.parse(listed.stdout)).toMatchObject({ id });
  }
  expect(await run(["list", "--count", line])).toMatchObject({ code: 0, stdout: "1" });
  expect(JSON.parse((await run(["list", "--count", line, "-o", "json"])).stdout)).toEqual({ count: 1, exact: true });
  expect((await world.dlo.letters.list(line)).letters).toMatchObject([{ id }]);
  expect(await world.dlo.letters.count({ key: `order ${order}` })).toEqual({ count: 1, exact: true });
  await expect(world.dlo.letters.list("jbo:x")).rejects.toMatchObject({ code: "USAGE", details: { column: 1 } });
  await expect(world.dlo.letters.list({ jbo: "x" } as never)).rejects.toMatchObject({ code: "USAGE" });
});

test("the client looks in its own namespace, unless the filter names another", async () => {
  const { id } = await deadPayment(world);
  await world.sql`update dlo.dead_letters set namespace = 'elsewhere' where id = ${id}`;
  expect((await world.dlo.letters.list()).letters.map((letter) => letter.id)).not.toContain(id);
  expect((await world.dlo.letters.list("namespace:elsewhere")).letters).toMatchObject([{ id }]);
  expect(JSON.parse((await run(["list", "namespace:elsewhere", "-o", "jsonl"])).stdout)).toMatchObject({ id });
});

test("what cannot be read is shown with a mark below its place", async () => {
  const { code, stdout, stderr } = await run(["list", "job:take-payment staus:parked"]);
  expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
  expect(stderr).toContain('Column 18 of the filter: Unknown word "staus". Did you mean "status"?');
  expect(stderr).toContain(`  job:take-payment staus:parked\n  ${" ".repeat(17)}^`);
  for (const [args, says] of [
    [["--status", "parkd"], '--status "parkd": "status" takes no "parkd". Did you mean "parked"?'],
    [["--failed", "4h"], "needs a direction"],
    [["--not", "-tag:vip"], "This is left out already: leave the - away"],
    [["--not", "failed:<4h failed:>1h"], 'One range of "failed" can be left out, and there is one already'],
    [["--not", "failed:<4h", "--not", "failed:>1h"], 'one range of "failed" can be left out'],
    [["--not", "deaths:>2 deaths:<5"], 'One range of "deaths" can be left out'],
    [["job:a", "--job", "b"], "Say it once"],
    [["--order", "random"], "Allowed choices are newest, oldest, expiring, deaths"],
    [["--after", "newest.1.2"], "no place in a list"],
  ] as const) {
    const refused = await run(["list", ...args]);
    expect(refused.code).toBe(2);
    expect(refused.stderr).toContain(says);
  }
});

test("an order has pages of its own", async () => {
  for (let i = 0; i < 3; i++) await deadPayment(world);
  for (const order of ["oldest", "expiring"] as const) {
    const all = await world.dlo.letters.list("status:open", { order });
    const first = await run(["list", "--status", "open", "--order", order, "--limit", "2", "-o", "json"]);
    const [, after = ""] = /--after (\S+)/.exec(first.stderr) ?? [];
    const second = await run(["list", "--status", "open", "--order", order, "--after", after, "-o", "json"]);
    const ids = [first, second].flatMap(({ stdout }) => (JSON.parse(stdout) as { id: string }[]).map(({ id }) => id));
    expect(ids).toEqual(all.letters.map(({ id }) => id));
    expect((await run(["list", "--after", after])).stderr).toContain("Go on in the same order");
  }
});

test("a command takes the letters that a filter fits; it says how many, and needs --yes where nobody can be asked", async () => {
  const [one, two] = [await deadPayment(world, "wrong"), await deadPayment(world, "wrong")];
  const filter = `key:"order ${one.order}","order ${two.order}"`;
  const asked = await run(["note", "--filter", filter, "part of incident 512"]);
  expect(asked.code).toBe(2);
  expect(asked.stderr).toContain("The filter fits 2 dead letters, and nobody can be asked here. To go ahead: --yes");
  const noted = await run(["note", "--filter", filter, "part of incident 512", "--yes"]);
  expect(noted).toMatchObject({ code: 0, stdout: expect.stringContaining("2 letters = 2 done.") as string });
  expect((await run(["extend", "--filter", filter, "45 days", "--yes"])).stdout).toContain("2 letters = 2 done.");
  expect((await run(["extend", "--filter", filter, "--yes"])).stderr).toContain("How long from now?");
  expect((await run(["discard", "--filter", `key:"order ${one.order}"`, "--yes"])).code).toBe(0);
  // Closed letters are not meant, unless the filter says so.
  expect((await run(["retry", "--filter", filter, "--yes"])).code).toBe(0);
  await until(async () => (await world.dlo.letters.get(two.id)).retries === 1);
  expect((await world.dlo.letters.get(one.id)).status).toBe("discarded");
  expect(await run(["retry", "--filter", "key:nobody", "--yes"])).toMatchObject({
    code: 0,
    stderr: expect.stringContaining("No dead letters like that, so nothing was changed.") as string,
  });
  for (const [args, says] of [
    [["retry"], "Which letters?"],
    [["retry", one.id, "--filter", filter], "no ids are taken beside it"],
    [["discard", "--filter", "", "--yes"], "An empty --filter would mean all letters"],
    [["expire", "--filter", "jbo:x", "--yes"], "Column 1 of the filter"],
  ] as const) {
    const refused = await run(args);
    expect(refused.code).toBe(2);
    expect(refused.stderr).toContain(says);
  }
});

test("more letters than are taken one by one are refused, and none is touched", async () => {
  const { id } = await deadPayment(world);
  const columns = (
    await world.sql`select column_name from information_schema.columns where table_name = 'dead_letters' and table_schema = 'dlo'`
  )
    .map(({ column_name }) => column_name as string)
    .filter((column) => !["id", "workflow_id", "batch"].includes(column))
    .map((column) => `"${column}"`)
    .join(", ");
  await world.sql.unsafe(`
    insert into dlo.dead_letters (id, workflow_id, batch, ${columns})
    select gen_random_uuid(), workflow_id || i, 'many', ${columns} from dlo.dead_letters, generate_series(1, 1001) i where id = '${id}'`);
  const refused = await run(["retry", "--filter", "batch:many", "--after", "1 hour", "--yes"]);
  expect(refused.code).toBe(2);
  expect(refused.stderr).toContain("fits more than 1000 letters");
  expect(
    await world.sql`select from dlo.events e join dlo.dead_letters l on l.id = e.letter_id where l.batch = 'many'`,
  ).toHaveLength(0);
});
