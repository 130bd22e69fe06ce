import { afterAll, beforeAll, expect, test } from "vitest";
import { letterWorkflowId } from "../../model/ids.ts";
import { gate, openPostOffice, type PostOffice } from "../setup/post-office.ts";
import { until } from "../setup/world.ts";

let office: PostOffice;
beforeAll(async () => void (office = await openPostOffice()));
afterAll(async () => await office?.close());

/** The whole row and the letter's whole story, as they stand in Postgres. */
async function recordOf(id: string): Promise<unknown> {
  const [row] = await office.sql`select to_jsonb(l) as row from dlo.dead_letters l where id = ${id}`;
  const events = await office.sql`select type, by, data from dlo.events where letter_id = ${id} order by id`;
  return { row: row!["row"] as unknown, events: [...events] };
}

test("a letter is retrying only once the run exists, and says which one it is (promise 4)", async () => {
  const letter = await office.dead("retrying-1");
  const doorbell = gate<string>();
  office.when("retrying-1", () => doorbell.opened);
  const { runId: first } = await office.dlo.temporal.workflow.getHandle("retrying-1").describe();
  const asked = office.dlo.letters.retry(letter.id, { by: "ann" });
  const retrying = async () => {
    const [event] = await office.sql`
      select e.run_id from dlo.dead_letters l join dlo.events e on e.letter_id = l.id and e.type = 'retrying'
      where l.id = ${letter.id} and l.status = 'retrying'`;
    return event?.["run_id"] as string | undefined;
  };
  await until(async () => (await retrying()) !== undefined);
  const runId = (await retrying())!;
  expect(runId).not.toBe(first);
  const run = await office.dlo.temporal.workflow.getHandle("retrying-1", runId).describe();
  expect(run).toMatchObject({ runId, status: { name: "RUNNING" } });
  await asked;
  doorbell.open("delivered");
  await until(async () => (await office.dlo.letters.get(letter.id)).status === "recovered");
});

test("a retry that is refused leaves the record as it was (promise 4)", async () => {
  const parked = await office.dead("refused-1");
  const closed = await office.dead("refused-2");
  await office.dlo.letters.discard(closed.id, { by: "ann" });
  const busy = await office.dead("refused-3");
  const doorbell = gate<string>();
  office.when("refused-3", () => doorbell.opened);
  await office.dlo.letters.retry(busy.id, { by: "ann" });
  const refused = [
    [parked.id, { input: { to: 7 } }, "INPUT_INVALID"],
    [parked.id, { after: "soon" as never }, "USAGE"],
    [closed.id, {}, "LETTER_CLOSED"],
    [busy.id, {}, "LETTER_BUSY"],
  ] as const;
  for (const [id, options, code] of refused) {
    const before = await recordOf(id);
    await expect(office.dlo.letters.retry(id, { by: "bob", ...options })).rejects.toMatchObject({ code });
    // Whatever the letter writes comes before its answer to this.
    if (id !== closed.id)
      await office.dlo.temporal.workflow
        .getHandle(letterWorkflowId((await office.dlo.letters.get(id)).workflowId))
        .query("state");
    expect(await recordOf(id)).toEqual(before);
  }
  doorbell.open("delivered");
});

test("what becomes of a retry is written back: it runs, has recovered, or has died again (promise 6)", async () => {
  const [well, again, running] = [
    await office.dead("came-1"),
    await office.dead("came-2"),
    await office.dead("came-3"),
  ];
  const doorbell = gate<string>();
  office.when("came-1", () => "delivered");
  office.when("came-2", () => {
    throw new Error("moved away");
  });
  office.when("came-3", () => doorbell.opened);
  for (const { id } of [well, again, running]) await office.dlo.letters.retry(id, { by: "ann" });
  await until(() => office.runs("came-3") === 2);
  await until(async () => (await office.dlo.letters.get(well.id)).closedAt !== null);
  await until(async () => (await office.dlo.letters.get(again.id)).deaths === 2);
  expect(await office.dlo.letters.get(well.id)).toMatchObject({ status: "recovered", deaths: 1, retries: 1 });
  expect(await office.dlo.letters.get(again.id)).toMatchObject({
    status: "parked",
    deaths: 2,
    retries: 1,
    errorMessage: "moved away",
  });
  expect(await office.dlo.letters.get(running.id)).toMatchObject({ status: "retrying", closedAt: null, retries: 1 });
  for (const [{ id, workflowId }, type] of [
    [well, "recovered"],
    [again, "died_again"],
    [running, "retrying"],
  ] as const) {
    const last = (await office.dlo.letters.story(id)).events.at(-1)!;
    expect(last).toMatchObject({
      type,
      runId: (await office.dlo.temporal.workflow.getHandle(workflowId).describe()).runId,
    });
  }
  doorbell.open("delivered at last");
  await until(async () => (await office.dlo.letters.get(running.id)).status === "recovered");
});
