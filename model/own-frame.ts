import { parseV8OrIeString } from "error-stack-parser-es/lite";

/**
 * The topmost frame of a stack that is the user's own code, as it reads in every build: `importMovie jobs/import-movie`.
 *
 * Without line numbers, and without what tsc, tsx and bundlers do differently: folders such as `dist` and `src` and what is above
 * them, extensions, hashes in names, `async`, `new`, `Object.`. Undefined where all frames are Node's, a library's or ours.
 */
export function ownFrame(stack: string): string | undefined {
  for (const line of stack.split("\n").slice(0, mostLines)) {
    if (line.length > longestLine || !/^\s{1,10}at /.test(line)) continue;
    const [frame] = parseV8OrIeString(line);
    const file = frame?.file === undefined ? undefined : plainPath(frame.file);
    if (file === undefined || isForeign(file)) continue;
    return [plainFunction(frame?.function), portablePath(file)].filter((part) => part !== "").join(" ");
  }
  return undefined;
}

const mostLines = 200;
/** The parser takes time quadratic in a line's length. */
const longestLine = 600;

/** Where this package is, with a slash at the end; in somebody's bundle it is the bundle, which matches nothing. */
const packageRoot = plainPath(String(import.meta.url)).replace(/model\/own-frame\.[jt]s$/, "");
const ourFolders = /^(?:dist\/)?(?:model|workflows|schema|activities|worker|client|setup|cli|testing|stack)\//;

function plainPath(file: string): string {
  return file
    .replace(/^async /, "")
    .replace(/[?#].*$/, "")
    .replaceAll("\\", "/")
    .replaceAll("%20", " ")
    .replace(/^(?:file|webpack|webpack-internal):\/\/(?:\/(?=[A-Za-z]:))?/, "");
}

function isForeign(file: string): boolean {
  if (!file.includes("/") || /^(?:node|bun|deno|internal|native|data):?\b/.test(file)) return true;
  if (/\/(?:node_modules|@temporalio)\//.test(file) || /\.pnp\.[cm]?js$/.test(file)) return true;
  const inPackage = /\/dead-letter-office\/(.+)$/.exec(file)?.[1];
  const underRoot = file.startsWith(packageRoot) ? file.slice(packageRoot.length) : undefined;
  return [inPackage, underRoot].some((path) => path !== undefined && ourFolders.test(path));
}

const buildFolders: ReadonlySet<string> = new Set(
  "dist build out lib src esm cjs output bundle target .next .output .build".split(" "),
);

/** At most three folders and names below `dist`, `src` and the like, else the last two: what is above differs between machines. */
function portablePath(file: string): string {
  const segments = file.split("/").filter((segment) => segment !== "" && segment !== "." && segment !== "..");
  const name = (segments.pop() ?? "")
    .replace(/\.[cm]?[jt]sx?$/, "")
    .replace(/[-.](?:[A-Z0-9]{8}|(?=\w*\d)\w{8,32})$/, "");
  const built = segments.findLastIndex((segment) => buildFolders.has(segment));
  const folders = built < 0 ? segments.slice(-1) : segments.slice(built + 1).slice(-2);
  return [...folders.map(plainFolder), name].join("/");
}

/** A release's or a temporary folder has another name each time. */
function plainFolder(folder: string): string {
  return /^(?=.*\d)[\da-f._-]{4,64}$/i.test(folder) ? "<n>" : folder;
}

function plainFunction(name = ""): string {
  return name
    .replace(/ \[as [^\]]*\]$/, "")
    .replace(/^(?:async |new )+/, "")
    .replace(/^(?:(?:Object|Module|Function|module|exports|globalThis|default)\.)+/, "")
    .replace(/^_+/, "")
    .replace(/\.?<anonymous>$|^eval$/, "");
}
