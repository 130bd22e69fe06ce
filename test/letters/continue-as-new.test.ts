import { afterAll, beforeAll, expect, test } from "vitest";
import { letterWorkflowId } from "../../model/ids.ts";
import type { LetterState } from "../../model/letter-state.ts";
import { openPostOffice, type PostOffice } from "../setup/post-office.ts";
import { until } from "../setup/world.ts";

let office: PostOffice;
beforeAll(async () => void (office = await openPostOffice()));
afterAll(async () => await office?.close());

test("a letter that continues as new under fire loses no command, and repeats none", { timeout: 120_000 }, async () => {
  const id = "long-lived";
  const letter = await office.dead(id);
  const handle = office.dlo.temporal.workflow.getHandle(letterWorkflowId(id));
  const first = (await handle.describe()).runId;
  const notes = 300; // The tests' server suggests a new run at 200 events; a note is at least two.
  const send = async () => {
    for (let n = 0; n < notes; n += 20) {
      const burst = Array.from({ length: 20 }, (_, i) => n + i);
      await Promise.all(
        burst.map((i) => handle.signal("note", { by: "load", text: `note ${i}`, requestId: `note-${i}` })),
      );
      await until(async () => (await counted(letter.id)) >= n);
    }
  };
  const ask = async () => {
    for (let n = 0; n < 30; n++)
      await patiently(() => office.dlo.letters.note(letter.id, { text: `asked ${n}`, requestId: `asked-${n}` }));
  };
  await Promise.all([send(), ask()]);
  await until(async () => (await counted(letter.id)) === notes + 30);
  await until(async () => (await handle.describe()).runId !== first);

  // The request ids went over: what is heard again is not done again.
  await handle.signal("note", { text: "again", requestId: `note-${notes - 1}` });
  await patiently(() => office.dlo.letters.extend(letter.id, { retention: "2 days", requestId: "last" }));
  expect(await counted(letter.id)).toBe(notes + 30);
  expect(await handle.query<LetterState>("state")).toMatchObject({ letterId: letter.id, status: "parked", deaths: 1 });
  office.when(id, () => "delivered");
  expect(await office.dlo.letters.retry(letter.id, { waitFor: "1 minute" })).toMatchObject({ status: "recovered" });
});

/** Behind thousands of signals an update may wait for longer than its caller: asked again with the same request id it is done once. */
async function patiently(ask: () => Promise<unknown>): Promise<void> {
  for (;;) {
    try {
      return void (await ask());
    } catch (error) {
      if ((error as { code?: string }).code !== "WAIT_TIMEOUT") throw error;
    }
  }
}

async function counted(letterId: string): Promise<number> {
  const [row] =
    await office.sql`select count(*)::int n from dlo.events where letter_id = ${letterId} and type = 'noted'`;
  return row!["n"] as number;
}
