// Preloaded into the command: says on stderr, as it ends, which npm packages it has loaded.
import { createRequire, register } from "node:module";
import { MessageChannel } from "node:worker_threads";

const seen = new Set();
const { port1, port2 } = new MessageChannel();
port1.on("message", (url) => seen.add(url)).unref();
const hook = `
  let port;
  export const initialize = (data) => { port = data.port; };
  export const load = (url, context, next) => { port.postMessage(url); return next(url, context); };`;
register(`data:text/javascript,${encodeURIComponent(hook)}`, { data: { port: port2 }, transferList: [port2] });

process.on("exit", () => {
  const files = [...seen, ...Object.keys(createRequire(import.meta.url).cache)];
  const packages = files.map((file) => /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(file)?.[1]).filter(Boolean);
  process.stderr.write(`LOADED ${[...new Set(packages)].toSorted((a, b) => a.localeCompare(b)).join(" ")}\n`);
});
