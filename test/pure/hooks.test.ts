import { expect, test } from "vitest";
import { type Config, defineConfig, refuseForeignKeys } from "../../model/config.ts";
import { hookedTypes, hooksOf } from "../../model/hooks.ts";
import { parseListen } from "../../model/listen.ts";

const hook = () => undefined;

test("functions, addresses and lists of them are taken, and found by the type of event", () => {
  const url = new URL("http://127.0.0.1:1/a");
  const on = { cause_returned: [hook, "https://example.com/hook", url], cause_new: hook, parked: [] };
  expect(defineConfig({ on, listen: "127.0.0.1:9464", health: { window: "15 minutes" } })).toMatchObject({ on });
  expect(hookedTypes(on)).toEqual(["cause_new", "cause_returned"]);
  expect(hooksOf(on, "cause_returned")).toEqual([hook, "https://example.com/hook", url]);
  expect(hooksOf(on, "cause_new")).toEqual([hook]);
  expect(hooksOf(on, "noted")).toEqual([]);
});

test.each<[object, string]>([
  [{ on: { cause_neww: hook } }, 'on: Unknown event "cause_neww". Did you mean "cause_new"?'],
  [{ on: { cause_new: "example.com" } }, "on: cause_new: a hook is a function"],
  [{ on: { cause_new: "ftp://example.com" } }, "on: cause_new: a hook is a function"],
  [{ on: { cause_new: [hook, 7] } }, "on: cause_new: a hook is a function"],
  [{ on: { cause_new: undefined } }, "on: cause_new: a hook is a function"],
  [{ on: [hook] }, "on: it must name events"],
  [{ on: null }, "on: it must name events"],
  [{ listen: "9464" }, 'listen: it must be host:port, such as 127.0.0.1:9464, got "9464"'],
  [{ listen: "127.0.0.1:70000" }, "listen: it must be host:port"],
  [{ listen: 9464 }, "listen: it must be host:port"],
  [{ health: { degraded: 0 } }, "health: Expected degraded to be a whole number"],
])("%j is refused", (config, why) => {
  expect(() => defineConfig(config as Config)).toThrow(
    expect.objectContaining({ code: "CONFIG_INVALID", message: expect.stringContaining(why) as string }),
  );
});

test("a worker refuses what offices read", () => {
  for (const config of [{ on: {} }, { listen: ":1" }, { health: {} }])
    expect(() => refuseForeignKeys(config, "worker")).toThrow("read by `dlo office`");
});

test.each([
  ["127.0.0.1:9464", { host: "127.0.0.1", port: 9464 }],
  ["localhost:0", { host: "localhost", port: 0 }],
  ["[::1]:80", { host: "::1", port: 80 }],
  [":9464", { host: "0.0.0.0", port: 9464 }],
])("%s is read", (text, address) => expect(parseListen(text)).toEqual(address));
