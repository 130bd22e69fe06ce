import { expect, test } from "vitest";
import { OfficeError } from "../../model/office-error.ts";
import { readRedrive, readRedriveControl, type RedriveMembers, type RedriveOptions } from "../../model/read-redrive.ts";

const id = "01a20ff3-7b82-717d-8b41-454af7ec025b";
const asked = { by: "ann", atMs: 1000 };
const read = (which: RedriveMembers, options: RedriveOptions = {}) => readRedrive(id, which, options, asked);

test("all that is not said has its default", () => {
  expect(read({ filter: "job:import-movie" })).toEqual({
    version: 1,
    id,
    command: { name: "retry" },
    members: { filter: { job: "import-movie" } },
    order: "oldest",
    first: null,
    force: false,
    maximumRetries: null,
    amend: null,
    when: null,
    canary: 0,
    ramp: false,
    limits: { rate: 10, maxInFlight: 100, jitterMs: 0, stopOnFailure: 0.1, stopOnSameCause: 1 },
    settleMs: 3_600_000,
    askedAtMs: 1000,
    by: "ann",
  });
  expect(read({ cause: "91aa" }, { stopOnFailure: false, stopOnSameCause: false, jitter: "2s" }).limits).toMatchObject({
    ...{ stopOnFailure: null, stopOnSameCause: null, jitterMs: 2000 },
  });
});

test.each<[RedriveMembers, RedriveOptions, string]>([
  [{}, {}, "exactly one of them"],
  [{ filter: "job:a", ids: [id] }, {}, "exactly one of them"],
  [{ filter: "" }, {}, 'for all open ones "status:open"'],
  [{ filter: "jb:a" }, {}, 'Did you mean "job"?'],
  [{ ids: ["91aa"] }, {}, "no whole id"],
  [{ from: { redrive: id, states: ["running"] } }, {}, "outcome"],
  [{ cause: "91aa" }, { rate: 0.05 }, "rate must be from 0.1 to 500"],
  [{ cause: "91aa" }, { rate: 501 }, "rate must be from 0.1 to 500"],
  [{ cause: "91aa" }, { rate: Number.NaN }, "rate must be from 0.1 to 500"],
  [{ cause: "91aa" }, { maxInFlight: 0 }, "maxInFlight must be a whole number of at least 1"],
  [{ cause: "91aa" }, { first: 1.5 }, "first must be a whole number"],
  [{ cause: "91aa" }, { stopOnFailure: 10 }, "such as 0.1 for 10%"],
  [{ cause: "91aa" }, { canarry: 3 } as never, 'Did you mean "canary"?'],
  [{ cause: "91aa" }, { amend: { patch: [] } }, "must be a JSON Patch"],
  [{ cause: "91aa" }, { amend: { patch: [{ op: "repalce", path: "/a", value: 1 }] } }, 'Did you mean "replace"?'],
  [{ cause: "91aa" }, { amend: { patch: [{ op: "replace", path: "a", value: 1 }] } }, "JSON pointer"],
  [{ cause: "91aa" }, { amend: { patch: [{ op: "add", path: "/a" }] } }, "needs a value"],
  [{ cause: "91aa" }, { command: { name: "discard" }, amend: { by: "fix" } }, "amend goes with retry and amend"],
  [{ cause: "91aa" }, { command: { name: "retry", input: {} }, amend: { by: "fix" } }, "one new input for all"],
  [{ cause: "91aa" }, { command: { name: "shred" } as never }, "bulk command"],
  [{ cause: "91aa" }, { command: { name: "extend", retention: "soon" } }, "retention"],
])("%o with %o is refused", (which, options, why) => {
  expect(() => read(which, options)).toThrow(OfficeError);
  expect(() => read(which, options)).toThrow(why);
});

test("commands to a redrive are checked at the door", () => {
  expect(readRedriveControl("pause", undefined)).toEqual({});
  expect(readRedriveControl("set", { rate: 5, by: "ann" })).toEqual({ limits: { rate: 5 }, by: "ann" });
  expect(() => readRedriveControl("set", {})).toThrow("give what is to change");
  expect(() => readRedriveControl("set", { rate: 0 })).toThrow("rate must be from 0.1 to 500");
  expect(() => readRedriveControl("pause", { rate: 5 })).toThrow('field of "pause"');
  expect(() => readRedriveControl("pause", [])).toThrow("expected an object");
});
