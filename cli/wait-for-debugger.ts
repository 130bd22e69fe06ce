import inspector from "node:inspector";
import { InvalidArgumentError } from "@commander-js/extra-typings";
import { usage } from "../model/office-error.ts";
import { notice } from "./output-flag.ts";

/** Node's own port for it. */
const defaultPort = 9229;

/** The port of `--inspect-brk`; commander gives `true` where none is said. */
export function inspectorPort(text: string): number {
  const port = Number(text);
  if (!/^\d{1,5}$/.test(text) || port > 65_535)
    throw new InvalidArgumentError("It takes a port, with an equals sign: --inspect-brk=9230.");
  return port;
}

/**
 * Opens the inspector on this machine alone, and waits until a debugger is attached and says go on. Ctrl-C ends the process.
 *
 * @throws {OfficeError} `USAGE` where the port is taken
 */
export function waitForDebugger(port: number | true): void {
  const wanted = port === true ? defaultPort : port;
  // It may be open already: node --inspect, or an editor that debugs whatever it starts.
  if (inspector.url() === undefined) inspector.open(wanted, "127.0.0.1");
  const url = inspector.url();
  if (url === undefined)
    throw usage(`The debugger cannot listen on 127.0.0.1:${wanted}: is the port taken? Another: --inspect-brk=0`);
  const { host } = new URL(url);
  notice(
    [
      `Waiting for a debugger on ${host}. Attach your editor to it, chrome://inspect, or: node inspect ${host}`,
      "It stops just before the handler: step into it, or go on to your own breakpoints.",
    ].join("\n"),
  );
  inspector.waitForDebugger();
}
