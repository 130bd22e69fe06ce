import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { root, run } from "./run.mjs";

/** Installs the dependencies when they are missing or are not those of package-lock.json; otherwise does nothing. */
export async function ensureInstalled() {
  refuseOldNode();
  const reason = whyInstall();
  if (reason === undefined) return;
  console.error(`Installing dependencies (npm ci), once: ${reason}.`);
  const { code } = await npm(["ci", "--include=dev", "--no-update-notifier", "--loglevel=warn"]);
  if (code !== 0) process.exit(code);
}

function refuseOldNode() {
  const { engines } = readJson("package.json");
  const [major, minor] = /(\d+)\.(\d+)/.exec(engines.node).slice(1).map(Number);
  const [ourMajor, ourMinor] = process.versions.node.split(".").map(Number);
  if (ourMajor > major || (ourMajor === major && ourMinor >= minor)) return;
  console.error(`Node ${major}.${minor} or newer is needed; this is ${process.version} (${process.execPath}).`);
  process.exit(1);
}

/** npm keeps a copy of the lockfile of what it installed; it is written last, so a broken-off install has none. */
function whyInstall() {
  const installedLock = join("node_modules", ".package-lock.json");
  if (!existsSync(join(root, installedLock))) return "this clone has none";
  const installed = readJson(installedLock).packages;
  for (const [path, wanted] of Object.entries(readJson("package-lock.json").packages)) {
    if (path === "") continue;
    const found = installed[path];
    // The lockfile also has packages for other platforms, which are not on the disk.
    if (found === undefined && (wanted.optional || wanted.devOptional || wanted.extraneous)) continue;
    if (found?.version !== wanted.version)
      return `${path} is to be ${wanted.version}, and is ${found?.version ?? "missing"}`;
  }
  return undefined;
}

function npm(args) {
  const cli = process.env.npm_execpath;
  if (cli?.endsWith("npm-cli.js")) return run(process.execPath, [cli, ...args]);
  return run("npm", args, { shell: process.platform === "win32" });
}

function readJson(path) {
  return JSON.parse(readFileSync(join(root, path), "utf8"));
}
