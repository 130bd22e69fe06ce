import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { letterWorkflowId } from "../../model/ids.ts";
import type { LetterState } from "../../model/letter-state.ts";
import type { Status } from "../../model/status.ts";
import { openFaultyOffice } from "../setup/faulty-office.ts";
import { type Behaviour, deliver, gate } from "../setup/post-office.ts";
import { openWorld, until, type World } from "../setup/world.ts";

// Random histories of commands, deaths, crashes and expiries, against a model of the letter: after each step the
// workflow, the row, the deaths and the story have to say what the model says.

/** What is known of one job id. */
type Model = {
  /** Of the newest letter. */
  status: Status;
  deaths: number;
  retries: number;
  input: string;
  /** Letters of this id, and deaths over all of them. */
  letters: number;
  allDeaths: number;
  notes: number;
  /** Its newest run has succeeded beside a closed letter: the app cannot start it any more. */
  done: boolean;
};

type Real = { readonly id: string };

let world: World;
let stopOffice: () => Promise<void>;
const behaviours = new Map<string, Behaviour>();
/** What the office's next activities do: crash between row and signal, or run twice. */
const chaos = { crashBefore: false, crashAfter: false, twice: false };

const twice =
  <Args extends unknown[], Result>(real: (...args: Args) => Promise<Result>) =>
  async (...args: Args) => {
    if (chaos.twice) await real(...args);
    return await real(...args);
  };
const crash = (when: "crashBefore" | "crashAfter") => () => {
  if (!chaos[when]) return;
  chaos[when] = false;
  throw new Error("the office crashed");
};

async function startOffice(): Promise<void> {
  stopOffice = await openFaultyOffice(world, {
    beforeSignal: crash("crashBefore"),
    afterSignal: crash("crashAfter"),
    parkDeadLetter: twice,
    beginRetry: twice,
    project: twice,
    recordDeath: twice,
  });
}

beforeAll(async () => {
  world = await openWorld();
  await startOffice();
  await world.worker({
    jobs: [deliver.handle(async (input, ctx) => await behaviours.get(ctx.workflowId)!(input, ctx))],
  });
});
afterAll(async () => {
  await stopOffice?.();
  await world?.close();
});

const dies: Behaviour = () => {
  throw new Error("nobody at home");
};
const succeeds: Behaviour = ({ to }) => to;

const letterHandle = (id: string) => world.dlo.temporal.workflow.getHandle(letterWorkflowId(id));
const stateOf = async (id: string) => await letterHandle(id).query<LetterState>("state");
const rowOf = async (id: string) => await world.dlo.letters.get(id);

/** Compares all that can be seen with the model. */
async function check(model: Model, { id }: Real): Promise<void> {
  const row = await rowOf(id);
  const seen = {
    status: row.status,
    deaths: row.deaths,
    retries: row.retries,
    input: (row.payload as { to: string }).to,
  };
  expect(seen).toEqual({ status: model.status, deaths: model.deaths, retries: model.retries, input: model.input });
  await until(
    async () => (await stateOf(id)).letterId === row.id && (await stateOf(id)).revision === (await rowOf(id)).revision,
  );
  expect(await stateOf(id)).toMatchObject({ status: model.status, deaths: model.deaths, retries: model.retries });
  const [counts] = await world.sql`
    select (select count(*)::int from dlo.dead_letters where workflow_id = ${id}) letters,
           (select count(*)::int from dlo.deaths where workflow_id = ${id}) deaths,
           (select count(*)::int from dlo.events where workflow_id = ${id} and type = 'parked') parked,
           (select count(*)::int from dlo.events where workflow_id = ${id} and type = 'noted') noted,
           (select count(*)::int from dlo.events where workflow_id = ${id} and type = 'died_again') died_again`;
  const expected = { letters: model.letters, deaths: model.allDeaths, parked: model.letters };
  expect(counts).toEqual({ ...expected, noted: model.notes, died_again: model.allDeaths - model.letters });
}

type Step = fc.AsyncCommand<Model, Real>;

function step(
  name: string,
  allowed: (model: Model) => boolean,
  run: (model: Model, real: Real) => Promise<void>,
): Step {
  return {
    check: allowed,
    run: async (model, real) => {
      await run(model, real);
      await check(model, real);
    },
    toString: () => name,
  };
}

const isParked = ({ status }: Model) => status === "parked";
const isClosed = ({ status }: Model) => status !== "parked";

function died(model: Model): void {
  model.deaths++;
  model.allDeaths++;
}

const settled = async (id: string) => await until(async () => (await rowOf(id)).status !== "retrying");

function retry(
  outcome: "recovers" | "dies" | "cancelled" | "terminated",
  via: "update" | "signal",
  input?: string,
): Step {
  return step(`retry by ${via}${input ? ` with ${input}` : ""}: ${outcome}`, isParked, async (model, { id }) => {
    const doorbell = gate<string>();
    behaviours.set(id, outcome === "dies" ? dies : outcome === "recovers" ? succeeds : () => doorbell.opened);
    const before = model.retries;
    const command = {
      by: "model",
      requestId: `${id}-${before}-${model.allDeaths}`,
      ...(input && { input: { to: input } }),
    };
    if (via === "update") await world.dlo.letters.retry(id, command);
    else await letterHandle(id).signal("retry", command);
    await until(async () => (await rowOf(id)).retries === before + 1);
    // Heard again, it changes nothing.
    await letterHandle(id)
      .signal("retry", command)
      .catch(() => undefined);
    if (outcome === "cancelled") await world.dlo.temporal.workflow.getHandle(id).cancel();
    if (outcome === "terminated") await world.dlo.temporal.workflow.getHandle(id).terminate();
    await settled(id);
    doorbell.open("too late");
    model.retries++;
    if (input) model.input = input;
    if (outcome === "recovers") model.status = "recovered";
    if (outcome === "dies" || outcome === "terminated") died(model);
  });
}

const steps: fc.Arbitrary<Step>[] = [
  fc
    .tuple(
      fc.constantFrom("recovers", "dies", "dies", "dies", "cancelled", "terminated"),
      fc.constantFrom("update", "signal"),
      fc.option(fc.constantFrom("bob", "cleo"), { nil: undefined, freq: 3 }),
    )
    .map(([outcome, via, input]) => retry(outcome, via, input)),
  fc.constantFrom("dora", "eve").map((to) =>
    step(`amend to ${to}`, isParked, async (model, { id }) => {
      await world.dlo.letters.amend(id, { input: { to } });
      model.input = to;
    }),
  ),
  fc.constant(
    step("amend to something that is not valid", isParked, async (_, { id }) => {
      await expect(world.dlo.letters.amend(id, { input: { to: 7 } })).rejects.toMatchObject({ code: "INPUT_INVALID" });
    }),
  ),
  fc.constantFrom("2 days", "indefinite" as const).map((retention) =>
    step(`extend to ${retention}`, isParked, async (_, { id }) => {
      const row = await world.dlo.letters.extend(id, { retention });
      expect(row.expiresAt === null).toBe(retention === "indefinite");
    }),
  ),
  fc.constant(
    step(
      "note",
      () => true,
      async (model, { id }) => {
        await world.dlo.letters.note(id, { text: "seen" });
        model.notes++;
      },
    ),
  ),
  fc.constantFrom("discard", "expire").map((name) =>
    step(name, isParked, async (model, { id }) => {
      await world.dlo.letters[name](id, {});
      model.status = name === "discard" ? "discarded" : "expired";
    }),
  ),
  fc.constant(
    step("run out of time", isParked, async (model, { id }) => {
      await letterHandle(id).signal("extend", { retention: "30 milliseconds" });
      await until(async () => (await rowOf(id)).status === "expired");
      model.status = "expired";
    }),
  ),
  fc.constantFrom("retry", "discard", "extend", "amend").map((name) =>
    step(`${name} when closed`, isClosed, async (_, { id }) => {
      const given = name === "extend" ? { retention: "2 days" } : name === "amend" ? { input: { to: "x" } } : {};
      await expect(world.dlo.letters[name](id, given as never)).rejects.toMatchObject({ code: "LETTER_CLOSED" });
    }),
  ),
  fc.constantFrom("dies", "succeeds").map((outcome) =>
    step(
      `the app starts it again: ${outcome}`,
      ({ done }) => !done,
      async (model, { id }) => {
        behaviours.set(id, outcome === "dies" ? dies : succeeds);
        const started = await world.dlo
          .start(deliver, { to: "app" }, { id })
          .catch((error: { code?: string }) => error);
        if (["recovered", "superseded"].includes(model.status)) {
          expect(started).toMatchObject({ code: "ALREADY_STARTED" });
          return;
        }
        const run = started as Awaited<ReturnType<typeof world.dlo.start>>;
        if (outcome === "succeeds") {
          expect(await run.result()).toBe("app");
          if (isClosed(model)) {
            model.done = true;
            return;
          }
          await world.dlo.letters.retry(id, {});
          await until(async () => (await rowOf(id)).status === "superseded");
          model.status = "superseded";
          return;
        }
        await expect(run.result()).rejects.toMatchObject({ code: "JOB_DIED" });
        model.input = "app";
        if (isParked(model)) {
          died(model);
          await until(async () => (await stateOf(id)).deaths === model.deaths);
        } else
          Object.assign(model, {
            status: "parked",
            deaths: 1,
            retries: 0,
            letters: model.letters + 1,
            allDeaths: model.allDeaths + 1,
          });
      },
    ),
  ),
  fc.constantFrom("crashBefore" as const, "crashAfter" as const, "twice" as const).map((fault) =>
    step(
      `chaos: ${fault}`,
      () => true,
      async () => {
        chaos[fault] = fault === "twice" ? !chaos.twice : true;
      },
    ),
  ),
  fc.constant(
    step("the letter's workflow is terminated, and begun anew by a death", isParked, async (model, { id }) => {
      await letterHandle(id).terminate("chaos");
      behaviours.set(id, dies);
      const run = await world.dlo.start(deliver, { to: "app" }, { id });
      await expect(run.result()).rejects.toMatchObject({ code: "JOB_DIED" });
      model.input = "app";
      died(model);
    }),
  ),
];

let histories = 0;

test(
  "any history of commands, deaths, crashes and expiries is told alike by workflow, row and model (promise 1)",
  { timeout: 300_000 },
  async () => {
    const restart: Step = step(
      "the office restarts",
      () => true,
      async () => {
        await stopOffice();
        await startOffice();
      },
    );
    await fc.assert(
      fc.asyncProperty(
        fc.commands([...steps, ...steps, fc.constant(restart)], { size: "+1", maxCommands: 14 }),
        async (commands) => {
          const id = `model-${++histories}`;
          Object.assign(chaos, { crashBefore: false, crashAfter: false, twice: false });
          behaviours.set(id, dies);
          const run = await world.dlo.start(deliver, { to: "ann" }, { id });
          await expect(run.result()).rejects.toMatchObject({ code: "JOB_DIED" });
          const model: Model = {
            status: "parked",
            deaths: 1,
            retries: 0,
            input: "ann",
            letters: 1,
            allDeaths: 1,
            notes: 0,
            done: false,
          };
          await fc.asyncModelRun(() => ({ model, real: { id } }), commands);
        },
      ),
      { numRuns: Number(process.env["DLO_MODEL_RUNS"] ?? 20), endOnFailure: true },
    );
  },
);
