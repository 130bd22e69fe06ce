import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { letterWorkflowId } from "../../model/ids.ts";
import type { LetterState } from "../../model/letter-state.ts";
import { gate, openPostOffice, type PostOffice } from "../setup/post-office.ts";
import { until } from "../setup/world.ts";

let office: PostOffice;
beforeAll(async () => void (office = await openPostOffice()));
afterAll(async () => await office?.close());

const handleOf = (id: string) =>
  office.dlo.temporal.workflow.getHandle<() => Promise<LetterState>>(letterWorkflowId(id));
const by = "ann";

describe("retry", () => {
  test("runs the job again under its own id, with its own input, and recovers", async () => {
    const letter = await office.dead("retry-1", { to: "bob" });
    office.when("retry-1", ({ to }, { deaths, retry }) => ({ to, deaths, retry }));
    expect(await office.dlo.letters.retry(letter.id, { by, waitFor: "30 seconds" })).toMatchObject({
      status: "recovered",
      retries: 1,
      deaths: 1,
      closeReason: null,
    });
    expect(await office.dlo.temporal.workflow.getHandle("retry-1").result()).toEqual({
      to: "bob",
      deaths: 1,
      retry: 1,
    });
    expect(await office.events(letter.id)).toEqual(["parked", "retry_asked", "retrying", "recovered"]);
  });

  test("that dies again comes back to the same letter, one death more (promise 5)", async () => {
    const letter = await office.dead("retry-2");
    const again = await office.dlo.letters.retry(letter.id, { by, waitFor: "30 seconds" });
    expect(again).toMatchObject({ id: letter.id, status: "parked", deaths: 2, retries: 1, attempts: 2 });
    expect(again.expiresAt!.getTime()).toBeGreaterThan(letter.expiresAt!.getTime());
    const { deaths, events } = await office.dlo.letters.story(letter.id);
    expect(deaths.map(({ n, errorMessage }) => [n, errorMessage])).toEqual([
      [1, "nobody at home: ann"],
      [2, "nobody at home: ann"],
    ]);
    expect(events.map(({ type }) => type)).toEqual(["parked", "retry_asked", "retrying", "died_again"]);
  });

  test("by a plain signal does the same", async () => {
    const letter = await office.dead("retry-3");
    office.when("retry-3", () => "delivered");
    await handleOf("retry-3").signal("retry", { by: "script", reason: "mended" });
    await until(async () => (await office.dlo.letters.get(letter.id)).status === "recovered");
    const { events } = await office.dlo.letters.story(letter.id);
    expect(events.find(({ type }) => type === "retry_asked")).toMatchObject({ by: "script", reason: "mended" });
  });

  test("asked twice at once makes one run (promise 4)", async () => {
    const letter = await office.dead("retry-4");
    const doorbell = gate<string>();
    office.when("retry-4", () => doorbell.opened);
    const asked = await Promise.allSettled([
      office.dlo.letters.retry(letter.id, { by: "ann" }),
      office.dlo.letters.retry(letter.id, { by: "bob" }),
    ]);
    expect(asked.map(({ status }) => status).toSorted()).toEqual(["fulfilled", "rejected"]);
    expect(asked.find(({ status }) => status === "rejected")).toMatchObject({ reason: { code: "LETTER_BUSY" } });
    doorbell.open("delivered");
    await until(async () => (await office.dlo.letters.get(letter.id)).status === "recovered");
    expect(office.runs("retry-4")).toBe(2);
  });

  test("with the same request id is carried out once, by update and by signal", async () => {
    const letter = await office.dead("retry-5");
    for (let i = 0; i < 3; i++)
      await office.dlo.letters.retry(letter.id, { by, requestId: "r1", waitFor: "30 seconds" });
    await handleOf("retry-5").signal("retry", { requestId: "r1" });
    await office.dlo.letters.note(letter.id, { by, text: "the signal before me has been heard" });
    expect(await office.dlo.letters.get(letter.id)).toMatchObject({ status: "parked", deaths: 2, retries: 1 });
    expect(office.runs("retry-5")).toBe(2);
  });

  test("is refused on a closed letter, with how to go on", async () => {
    const letter = await office.dead("retry-6");
    await office.dlo.letters.discard(letter.id, { by });
    await expect(office.dlo.letters.retry(letter.id, { by })).rejects.toMatchObject({
      code: "LETTER_CLOSED",
      message: expect.stringContaining("dlo start"),
    });
    await expect(handleOf("retry-6").executeUpdate("retry", { args: [{}] })).rejects.toThrow("already completed");
  });

  test("that is cancelled parks the letter without a death", async () => {
    const letter = await office.dead("retry-7");
    office.when(
      "retry-7",
      async (_, { signal }) =>
        await new Promise((_resolve, reject) => signal.addEventListener("abort", () => reject(signal.reason as Error))),
    );
    await office.dlo.letters.retry(letter.id, { by });
    await office.dlo.temporal.workflow.getHandle("retry-7").cancel();
    await until(async () => (await office.dlo.letters.get(letter.id)).status === "parked");
    expect(await office.dlo.letters.get(letter.id)).toMatchObject({ deaths: 1, retries: 1 });
    expect(await office.events(letter.id)).toEqual(["parked", "retry_asked", "retrying", "retry_cancelled"]);
  });
});

describe("a new input", () => {
  test("by amend is checked by the job's worker, kept, and run by the next retry", async () => {
    const letter = await office.dead("amend-1", { to: "ann" });
    await expect(office.dlo.letters.amend(letter.id, { by, input: { to: 7 } })).rejects.toMatchObject({
      code: "INPUT_INVALID",
      message: expect.stringContaining("to: "),
    });
    expect(await office.dlo.letters.amend(letter.id, { by, input: { to: "cleo" } })).toMatchObject({
      status: "parked",
      payload: { to: "cleo" },
      expiresAt: letter.expiresAt,
    });
    office.when("amend-1", ({ to }) => to);
    expect(await office.dlo.letters.retry(letter.id, { by, waitFor: "30 seconds" })).toMatchObject({
      status: "recovered",
    });
    expect(await office.dlo.temporal.workflow.getHandle("amend-1").result()).toBe("cleo");
    const [row] = await office.sql`select original_payload_data from dlo.dead_letters where id = ${letter.id}`;
    expect((row!["original_payload_data"] as Buffer).toString("utf8")).toContain('{"to":"ann"}');
    expect(await office.events(letter.id)).toEqual(["parked", "amended", "retry_asked", "retrying", "recovered"]);
  });

  test("with retry does both at once", async () => {
    const letter = await office.dead("amend-2");
    office.when("amend-2", ({ to }) => to);
    await office.dlo.letters.retry(letter.id, { by, input: { to: "dora" }, waitFor: "30 seconds" });
    expect(await office.dlo.temporal.workflow.getHandle("amend-2").result()).toBe("dora");
  });

  test("by a signal that is not valid is refused in the letter's story, and nothing runs", async () => {
    const letter = await office.dead("amend-3");
    await handleOf("amend-3").signal("retry", { by: "script", input: { to: null } });
    await until(async () => (await office.events(letter.id)).includes("refused"));
    const { events } = await office.dlo.letters.story(letter.id);
    expect(events.at(-1)).toMatchObject({
      type: "refused",
      by: "script",
      data: { command: "retry", why: expect.stringContaining("to: ") },
    });
    expect(office.runs("amend-3")).toBe(1);
  });

  test("unchecked is taken as it is, and that is recorded", async () => {
    const letter = await office.dead("amend-4");
    await office.dlo.letters.amend(letter.id, { by, input: { to: 7 }, unchecked: true });
    const { events } = await office.dlo.letters.story(letter.id);
    expect(events.at(-1)).toMatchObject({ type: "amended", data: { unchecked: true } });
    const again = await office.dlo.letters.retry(letter.id, { by, waitFor: "30 seconds" });
    expect(again).toMatchObject({ status: "parked", category: "data", deaths: 2 });
  });
});

describe("what closes a letter", () => {
  test("expire, by its policy", async () => {
    const letter = await office.dead("expire-1");
    expect(await office.dlo.letters.expire(letter.id, { by, reason: "too old" })).toMatchObject({
      status: "expired",
      closeReason: "too old",
      expiresAt: null,
    });
    expect(await office.events(letter.id)).toEqual(["parked", "expired"]);
    expect(await handleOf("expire-1").result()).toMatchObject({ status: "expired" });
  });

  test("discard; and the row stays, to be kept until its time", async () => {
    const letter = await office.dead("discard-1");
    const closed = await office.dlo.letters.discard(letter.id, { by, reason: "not wanted" });
    expect(closed).toMatchObject({ status: "discarded", closeReason: "not wanted" });
    expect(closed.keepUntil!.getTime() - closed.closedAt!.getTime()).toBe(90 * 86_400_000);
  });

  test("DloStatus follows where the letter settles", async () => {
    const letter = await office.dead("settle-1");
    await office.dlo.letters.discard(letter.id, { by });
    const query = `DloStatus = 'discarded' AND WorkflowId = '${letterWorkflowId("settle-1")}'`;
    await until(async () => (await office.dlo.temporal.workflow.count(query)).count === 1);
  });
});

describe("extend", () => {
  test("counts from now, and indefinite holds the letter", async () => {
    const letter = await office.dead("extend-1");
    const before = Date.now();
    const longer = await office.dlo.letters.extend(letter.id, { by, retention: "60 days" });
    expect(longer.expiresAt!.getTime()).toBeGreaterThanOrEqual(before + 60 * 86_400_000 - 1000);
    expect(
      await office.dlo.letters.extend(letter.id, { by, retention: "indefinite", reason: "evidence" }),
    ).toMatchObject({
      status: "parked",
      expiresAt: null,
      retentionMs: null,
    });
    await expect(
      office.dlo.letters.extend(letter.id, { by, retention: "2 months" as "60 days" }),
    ).rejects.toMatchObject({
      code: "USAGE",
      message: expect.stringContaining("60 days"),
    });
  });
});

describe("note", () => {
  test("is told on open and on closed letters, once per request id", async () => {
    const letter = await office.dead("note-1");
    await office.dlo.letters.note(letter.id, { by, text: "asked the bank", requestId: "n1" });
    await office.dlo.letters.note(letter.id, { by, text: "asked the bank", requestId: "n1" });
    await office.dlo.letters.discard(letter.id, { by });
    await office.dlo.letters.note(letter.id, { by, text: "they said no", requestId: "n2" });
    await office.dlo.letters.note(letter.id, { by, text: "they said no", requestId: "n2" });
    const { events } = await office.dlo.letters.story(letter.id);
    expect(events.map(({ type, data }) => [type, data?.["text"]])).toEqual([
      ["parked", undefined],
      ["noted", "asked the bank"],
      ["discarded", undefined],
      ["noted", "they said no"],
    ]);
  });
});

describe("while a retry runs", () => {
  test("amend, extend and note wait for its outcome; the rest is refused", async () => {
    const letter = await office.dead("busy-1");
    const doorbell = gate<string>();
    office.when("busy-1", () => doorbell.opened);
    await office.dlo.letters.retry(letter.id, { by });
    for (const command of ["retry", "expire", "discard"] as const)
      await expect(office.dlo.letters[command](letter.id, { by })).rejects.toMatchObject({ code: "LETTER_BUSY" });
    await office.dlo.letters.amend(letter.id, { by, input: { to: "eve" } });
    await office.dlo.letters.extend(letter.id, { by, retention: "90 days" });
    await office.dlo.letters.note(letter.id, { by, text: "still ringing" });
    expect(await office.dlo.letters.get(letter.id)).toMatchObject({
      status: "retrying",
      payload: { to: "ann" },
      expiresAt: null,
    });
    doorbell.fail(new Error("nobody at home still"));
    await until(async () => (await office.events(letter.id)).includes("noted"));
    expect(await office.dlo.letters.get(letter.id)).toMatchObject({
      status: "parked",
      payload: { to: "eve" },
      retentionMs: 90 * 86_400_000,
    });
    expect(await office.events(letter.id)).toEqual([
      "parked",
      "retry_asked",
      "retrying",
      "died_again",
      "amended",
      "extended",
      "noted",
    ]);
  });

  test("that recovers, a note is still told and an amendment is refused in the story", async () => {
    const letter = await office.dead("busy-2");
    const doorbell = gate<string>();
    office.when("busy-2", () => doorbell.opened);
    await office.dlo.letters.retry(letter.id, { by });
    await office.dlo.letters.amend(letter.id, { by, input: { to: "eve" } });
    await office.dlo.letters.note(letter.id, { by, text: "still ringing" });
    doorbell.open("delivered");
    await until(async () => (await office.dlo.letters.get(letter.id)).status === "recovered");
    const { events } = await office.dlo.letters.story(letter.id);
    expect(events.map(({ type }) => type)).toEqual([
      "parked",
      "retry_asked",
      "retrying",
      "recovered",
      "refused",
      "noted",
    ]);
    expect(await office.dlo.letters.get(letter.id)).toMatchObject({ payload: { to: "ann" } });
  });
});

describe("retry after a while", () => {
  test("stays parked with its time, the clock stands still, and a plain retry overtakes it", async () => {
    const letter = await office.dead("later-1");
    const waiting = await office.dlo.letters.retry(letter.id, { by, after: "1 hour", reason: "they open at nine" });
    expect(waiting).toMatchObject({ status: "parked", expiresAt: null });
    expect(waiting.retryAt!.getTime()).toBeGreaterThan(Date.now() + 3_500_000);
    office.when("later-1", () => "delivered");
    expect(await office.dlo.letters.retry(letter.id, { by, waitFor: "30 seconds" })).toMatchObject({
      status: "recovered",
      retryAt: null,
    });
  });

  test("runs by itself when its time has come, in the name of who asked", async () => {
    const letter = await office.dead("later-2");
    office.when("later-2", () => "delivered");
    await office.dlo.letters.retry(letter.id, { by: "ann", after: "300 milliseconds" });
    await until(async () => (await office.dlo.letters.get(letter.id)).status === "recovered");
    const { events } = await office.dlo.letters.story(letter.id);
    expect(events.map(({ type, by: who }) => [type, who])).toEqual([
      ["parked", null],
      ["retry_asked", "ann"],
      ["retry_asked", "ann"],
      ["retrying", "ann"],
      ["recovered", null],
    ]);
  });
});

test("a command that cannot be read is refused at the door, by the client and by the letter", async () => {
  const letter = await office.dead("shape-1");
  await expect(office.dlo.letters.retry(letter.id, { rason: "typo" } as object)).rejects.toMatchObject({
    code: "USAGE",
    message: expect.stringContaining('"reason"'),
  });
  await handleOf("shape-1").signal("extend", { retention: "soon", by: "script" });
  await handleOf("shape-1").signal("note", "just text");
  await until(async () => (await office.events(letter.id)).filter((type) => type === "refused").length === 2);
  expect(await office.dlo.letters.get(letter.id)).toMatchObject({ status: "parked" });
});
