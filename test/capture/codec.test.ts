import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { defineJob } from "../../model/index.ts";
import { placesOf } from "../office/find-text.ts";
import { SealedCodec } from "../office/sealed.ts";
import { openWorld, type World } from "../setup/world.ts";

// A record that carries a secret, with a payload codec: nothing of it is legible in Temporal or in Postgres, and its retry gets it whole.

const secret = "4929-7712-0031-8840";
const codec = new SealedCodec();
const given: unknown[] = [];
const charge = defineJob({ name: "charge", input: z.any(), taskQueue: "charges" });

let world: World;
beforeAll(async () => {
  world = await openWorld();
  await world.office({ codec });
  await world.worker({
    codec,
    jobs: [charge.handle((input: unknown, { headers }) => void given.push(input, headers))],
  });
});
afterAll(async () => await world?.close());

test.each([
  ["JSON", { card: secret }],
  ["bytes", new TextEncoder().encode(secret)],
])("a payload in %s is encrypted wherever it rests", async (kind, payload) => {
  const dlo = await world.connect({ codec });
  const { letterId, workflowId } = await dlo.letters.capture({
    job: charge,
    payload,
    headers: { "x-card": secret },
    source: { system: "http", delivery: kind },
    error: new Error("the bank is closed"),
  });
  expect(await dlo.letters.get(letterId)).toMatchObject({ payload: null, headers: {}, kind: "record" });
  expect(await placesOf(secret, dlo.temporal, `dead-letter/${workflowId}`)).toEqual([]);
  const [row] =
    await world.sql`select l::text as text, encode(payload_data, 'escape') as bytes from dlo.dead_letters l where id = ${letterId}`;
  expect(`${row!["text"]} ${row!["bytes"]}`).not.toContain(secret);
  expect(await dlo.letters.retry(letterId, { waitFor: "30 seconds" })).toMatchObject({ status: "recovered" });
  const [input, headers] = given.splice(0);
  expect(input instanceof Uint8Array ? new Uint8Array(input) : input).toEqual(payload);
  expect(headers).toEqual({ "x-card": secret });
});

test("a payload that the codec makes too large is refused before it is sent", async () => {
  const growing = {
    encode: async (payloads: { metadata: object; data: Uint8Array }[]) =>
      payloads.map((payload) => ({ ...payload, data: Buffer.concat([payload.data, Buffer.alloc(1_600_000)]) })),
    decode: async (payloads: unknown[]) => payloads,
  };
  const dlo = await world.connect({ codec: growing });
  const record = { job: charge, payload: "x".repeat(400_000), source: { system: "http", delivery: "big" }, error: "e" };
  await expect(dlo.letters.capture(record)).rejects.toMatchObject({ code: "INPUT_TOO_LARGE" });
  await expect(dlo.temporal.workflow.getHandle("dead-letter/http:delivery=big").describe()).rejects.toMatchObject({
    name: "WorkflowNotFoundError",
  });
});

test("the largest payload that passes is retried", async () => {
  const dlo = await world.connect({ codec });
  const payload = "x".repeat(1_890_000);
  const { letterId } = await dlo.letters.capture({
    ...{ job: charge, payload, source: { system: "http", delivery: "largest" } },
    // As large as an error's record gets.
    error: Object.assign(new Error("m".repeat(100_000)), {
      stack: `Error: m\n${"    at f (file.js:1:1)\n".repeat(5000)}`,
    }),
  });
  expect(await dlo.letters.retry(letterId, { waitFor: "30 seconds" })).toMatchObject({ status: "recovered" });
  expect(given.splice(0)[0]).toBe(payload);
});
