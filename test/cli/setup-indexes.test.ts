import { afterAll, beforeAll, expect, test } from "vitest";
import { openWorld, type World } from "../setup/world.ts";
import { dlo, environmentOf } from "./dlo.ts";

let world: World;
let env: Record<string, string>;

beforeAll(async () => {
  world = await openWorld();
  env = environmentOf(world);
});
afterAll(async () => await world.close());

test("setup builds the indexes that are asked for, says so, and the doctor lists them", async () => {
  expect((await dlo(["setup"], { env })).stdout).toContain("Indexes switched on: none.");

  const built = await dlo(["setup", "--index", "text", "--index", "payload.order.total"], { env });
  expect(built).toMatchObject({ code: 0 });
  expect(built.stderr).toContain("Building dead_letters_message_text. Letters are written and read meanwhile");
  expect(built.stdout).toContain("Built indexes: text, payload.order.total.");
  expect(built.stdout).toContain("Indexes switched on: text, payload.order.total.");

  const again = await dlo(["setup", "--index", "text", "--drop-index", "payload.order.total", "-o", "json"], { env });
  expect(JSON.parse(again.stdout)).toMatchObject({
    indexes: { on: ["text"], built: [], dropped: ["payload.order.total"] },
  });

  const { stdout } = await dlo(["doctor", "-o", "json"], { env });
  expect((JSON.parse(stdout) as { checks: unknown[] }).checks).toContainEqual({
    ...{ what: "indexes", ok: true, detail: "on: text" },
  });
});

test("an index that nobody knows is refused before anything is done", async () => {
  const { code, stderr } = await dlo(["setup", "--index", "texts"], { env });
  expect(code).toBe(2);
  expect(stderr).toContain('Unknown index "texts". Did you mean "text"?');
});
