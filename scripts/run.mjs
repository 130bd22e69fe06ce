import { spawn } from "node:child_process";
import { constants } from "node:os";
import { fileURLToPath } from "node:url";

/** The repository's root, where everything runs. */
export const root = fileURLToPath(new URL("..", import.meta.url));

const passedOn = ["SIGINT", "SIGTERM", "SIGHUP", "SIGWINCH"];
const echoMs = 500;
const lookMs = 250;

/**
 * Runs a program on this terminal until it ends, passing signals on.
 *
 * One Ctrl-C reaches this process up to twice, from the terminal and from npm; the program gets it once. For that it has
 * a process group of its own, which the terminal does not signal. A SIGTERM to npm ends npm and its shell alone, so the
 * program gets it when they are gone.
 *
 * @returns {Promise<{ code: number, interrupted: boolean }>} the exit code, `128 + n` for a program killed by signal n;
 * whether Ctrl-C was passed on
 */
export function run(command, args, options = {}) {
  const ownGroup = process.platform !== "win32";
  const child = spawn(command, args, { cwd: root, stdio: "inherit", detached: ownGroup, ...options });
  const lastAt = new Map();
  const passOn = (signal) => {
    const now = Date.now();
    if (signal !== "SIGWINCH" && now - (lastAt.get(signal) ?? 0) < echoMs) return;
    lastAt.set(signal, now);
    if (ownGroup) child.kill(signal);
  };
  for (const signal of passedOn) process.on(signal, passOn);
  const parent = process.ppid;
  const watch = setInterval(() => {
    if (process.env.npm_lifecycle_event === undefined || process.ppid === parent) return;
    clearInterval(watch);
    passOn("SIGTERM");
  }, lookMs);
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", (code, signal) => {
      clearInterval(watch);
      for (const name of passedOn) process.off(name, passOn);
      resolve({ code: code ?? 128 + constants.signals[signal], interrupted: lastAt.has("SIGINT") });
    });
  });
}
