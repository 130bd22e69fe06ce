import { describe, expect, test } from "vitest";
import type { CommandName } from "../../model/command.ts";
import { readCommand } from "../../model/read-command.ts";

test.for([
  ["retry", undefined],
  ["retry", null],
  ["retry", { input: null, after: 0 }],
  ["retry", { input: { a: 1 }, after: "2 hours", unchecked: true, by: "ann", reason: "why", requestId: "r" }],
  ["amend", { input: false }],
  ["extend", { retention: "indefinite" }],
  ["extend", { retention: "60 days" }],
  ["note", { text: "called the bank" }],
  ["expire", {}],
  ["discard", { by: "ann" }],
] as const)("%s %j", ([name, given]) => {
  expect(readCommand(name, given)).toEqual({ name, ...given });
});

describe("a command that cannot be read is refused, with the field and what it should be", () => {
  const refused: [name: CommandName, given: unknown, why: string][] = [
    ["retry", "now", 'expected an object such as {"by":"ann","reason":"…"}, got "now"'],
    ["retry", [], "expected an object"],
    ["retry", { inputs: 1 }, 'Unknown field "inputs". Did you mean "input"?'],
    ["retry", { after: "soon" }, "Expected after to be a duration"],
    ["retry", { unchecked: "yes" }, "unchecked must be true or false"],
    ["retry", { by: 7 }, "by must be a text, got 7"],
    ["discard", { requestId: "r".repeat(256) }, "requestId has 256 characters, and at most 255 are possible"],
    ["discard", { reason: "r".repeat(10_001) }, "reason has 10001 characters"],
    ["amend", {}, "input is missing"],
    ["extend", {}, "Expected retention to be a duration"],
    ["extend", { retention: 0 }, 'To keep without end say "indefinite"'],
    ["note", {}, "text must be a text"],
    ["note", { text: "  " }, "text must be a text"],
    ["discard", { retention: "1 day" }, 'Unknown field "retention"'],
  ];
  test.for(refused)("%s %j", ([name, given, why]) => {
    expect(() => readCommand(name, given)).toThrow(
      expect.objectContaining({ code: "USAGE", message: expect.stringContaining(why) }),
    );
  });
});
