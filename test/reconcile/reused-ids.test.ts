import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { tellLetter } from "../../activities/tell-letter.ts";
import { letterWorkflowId } from "../../model/ids.ts";
import type { LetterState } from "../../model/letter-state.ts";
import type { LetterRow } from "../../schema/rows.ts";
import { openPostOffice, type PostOffice } from "../setup/post-office.ts";
import { until } from "../setup/world.ts";

// A job id may have had several letters, and what is known of one of them must not be taken for another's.

vi.setConfig({ testTimeout: 180_000, hookTimeout: 240_000 });

let office: PostOffice;
beforeAll(async () => void (office = await openPostOffice()));
afterAll(async () => await office?.close());

const letterOf = (id: string) => office.dlo.temporal.workflow.getHandle(letterWorkflowId(id));
const stateOf = async (id: string) => await letterOf(id).query<LetterState>("state");
const foundOf = async (id: string, options: { thorough?: boolean } = {}) =>
  (await office.dlo.reconcile(options)).items.filter(({ workflowId }) => workflowId === id);
const lettersOf = async (id: string) =>
  await office.sql`
    select l.id, l.status, l.deaths, count(d.id)::int as recorded from dlo.dead_letters l left join dlo.deaths d on d.letter_id = l.id
    where l.workflow_id = ${id} group by l.id order by l.first_failed_at`;

async function discarded(id: string): Promise<LetterRow> {
  const letter = await office.dead(id);
  await office.dlo.letters.discard(letter.id, { by: "ann" });
  await until(async () => (await letterOf(id).describe()).status.name === "COMPLETED");
  return letter;
}

const dropRow = async ({ id }: LetterRow) => void (await office.sql`delete from dlo.dead_letters where id = ${id}`);

/** A death as it stands where its office was ended before it told the letter's workflow; of a new letter, or of the same one. */
async function written(letter: LetterRow, letterId: string, n: number): Promise<void> {
  const runId = crypto.randomUUID();
  if (letterId === letter.id)
    await office.sql`update dlo.dead_letters set deaths = ${n}, run_id = ${runId}, failed_at = now() where id = ${letterId}`;
  else
    await office.sql`
      insert into dlo.dead_letters select (jsonb_populate_record(l, jsonb_build_object(
        'id', ${letterId}::text, 'status', 'parked', 'closed_at', null, 'close_reason', null, 'keep_until', null, 'revision', 0,
        'run_id', ${runId}::text, 'failed_at', now(), 'first_failed_at', now(), 'expires_at', now() + interval '30 days'))).*
      from dlo.dead_letters l where id = ${letter.id}`;
  await office.sql`
    insert into dlo.deaths select (jsonb_populate_record(d, jsonb_build_object(
      'id', gen_random_uuid(), 'letter_id', ${letterId}::text, 'n', ${n}::int, 'run_id', ${runId}::text, 'died_at', now()))).*
    from dlo.deaths d where letter_id = ${letter.id} and n = 1`;
}

test("a letter whose workflow was never begun is begun, also where the job had one before", async () => {
  const before = await discarded("unbegun");
  const letterId = crypto.randomUUID();
  await written(before, letterId, 1);
  expect(await foundOf("unbegun")).toMatchObject([{ finding: "no_workflow", letterId, mended: true }]);
  expect(await office.dlo.letters.get(letterId)).toMatchObject({ status: "parked", deaths: 1 });
  await until(async () => (await stateOf("unbegun")).letterId === letterId);
  expect(await foundOf("unbegun")).toEqual([]);
});

test("a death that its letter has not heard of is told, and not forgotten", async () => {
  const letter = await office.dead("unheard");
  await written(letter, letter.id, 2);
  expect(await foundOf("unheard", { thorough: true })).toMatchObject([{ finding: "differs", mended: true }]);
  await until(async () => (await stateOf("unheard")).deaths === 2);
  expect(await office.dlo.letters.get(letter.id)).toMatchObject({ deaths: 2, status: "parked" });
  await until(async () => (await foundOf("unheard", { thorough: true })).length === 0);
  // A letter that had forgotten it could take no more deaths.
  await office.dlo.letters.retry(letter.id, { by: "ann" });
  await until(async () => (await office.dlo.letters.get(letter.id)).deaths === 3);
});

test("a closed letter that the late repeat of a death begins once more stays closed, and its job does not run again", async () => {
  const row = await discarded("repeated");
  const needs = { client: office.dlo.temporal, taskQueue: "dead-letter-office", searchAttributes: [] };
  await tellLetter(needs, row);
  expect(await foundOf("repeated")).toMatchObject([{ finding: "differs", mended: true }]);
  expect(await office.dlo.letters.get(row.id)).toMatchObject({ status: "discarded", deaths: 1 });
  expect((await letterOf("repeated").describe()).status.name).toBe("TERMINATED");
  expect(await foundOf("repeated")).toEqual([]);
});

test("a letter that was pruned does not come back, whatever became of the job's id since", async () => {
  const first = await discarded("pruned-before");
  await office.sql`update dlo.dead_letters set keep_until = now() - interval '1 minute' where id = ${first.id}`;
  await until(async () => (await office.dlo.prune()).letters === 1);
  const second = await office.dead("pruned-before");
  expect(await foundOf("pruned-before", { thorough: true })).toEqual([]);
  await office.dlo.letters.discard(second.id, { by: "ann" });
  expect(await foundOf("pruned-before", { thorough: true })).toEqual([]);
  expect(await lettersOf("pruned-before")).toMatchObject([{ id: second.id, deaths: 1, recorded: 1 }]);
});

test("two letters of one id whose rows are lost come back closed, each with its own death", async () => {
  const letters = [await discarded("twice"), await discarded("twice")];
  for (const letter of letters) await dropRow(letter);
  const items = await foundOf("twice", { thorough: true });
  expect(items).toMatchObject([
    { finding: "no_row", letterId: letters[0]!.id, mended: true },
    { finding: "no_row", letterId: letters[1]!.id, mended: true },
  ]);
  const closed = { status: "discarded", deaths: 1, recorded: 1 };
  expect(await lettersOf("twice")).toMatchObject(letters.map(({ id }) => ({ id, ...closed })));
  expect(await foundOf("twice", { thorough: true })).toEqual([]);
});

test("a closed letter whose row is lost comes back beside an open one of the same id", async () => {
  const first = await discarded("beside");
  const second = await office.dead("beside");
  await dropRow(first);
  expect(await foundOf("beside", { thorough: true })).toMatchObject([
    { finding: "no_row", letterId: first.id, mended: true },
  ]);
  expect(await lettersOf("beside")).toMatchObject([
    { id: first.id, status: "discarded", deaths: 1, recorded: 1 },
    { id: second.id, status: "parked", deaths: 1, recorded: 1 },
  ]);
  expect(await stateOf("beside")).toMatchObject({ letterId: second.id, deaths: 1 });
});

test("a death that is found late does not take the place of a newer one", async () => {
  await dropRow(await office.dead("overtaken", { to: "ann" }));
  const newest = await office.dead("overtaken", { to: "bob" });
  expect(await foundOf("overtaken")).toMatchObject([{ finding: "unrecorded", letterId: newest.id, mended: true }]);
  expect(await office.dlo.letters.get(newest.id)).toMatchObject({
    ...{ deaths: 2, payload: { to: "bob" }, errorMessage: "nobody at home: bob", failedAt: newest.failedAt },
  });
  await until(async () => (await stateOf("overtaken")).deaths === 2);
  expect((await stateOf("overtaken")).lastDeath.runId).toBe(newest.runId);
});

test("a letter that somebody has opened again stays open, although its job has succeeded before that", async () => {
  const { id } = await discarded("reopened");
  office.when("reopened", () => "delivered");
  await office.dlo.temporal.workflow
    .start("deliver", { workflowId: "reopened", taskQueue: "jobs", args: [{ to: "ann" }] })
    .then(async (run) => await run.result());
  await office.dlo.letters.reopen(id, { by: "ann" });
  expect(await foundOf("reopened")).toEqual([]);
  expect(await office.dlo.letters.get(id)).toMatchObject({ status: "parked" });
});

test("a letter that was ended while it ran its job's onExpire comes to its end all the same", async () => {
  const { id } = await office.dead("ending");
  await letterOf("ending").terminate("an accident");
  await office.sql`update dlo.dead_letters set own_code = ${["onExpire"]}, expires_at = null where id = ${id}`;
  expect(await foundOf("ending")).toMatchObject([{ finding: "no_workflow", mended: true }]);
  await until(async () => (await office.dlo.letters.get(id)).status === "expired");
});
