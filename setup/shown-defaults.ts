import { formatDuration } from "../model/duration.ts";
import { type DefaultValue, type Environment, jobDefaults, keepingDefaults } from "../model/resolve-contract.ts";
import { messageOf } from "./check.ts";

/** A default that is in force here, where no contract and no queue says otherwise. */
export type ShownDefault = { readonly variable: string; readonly value: string; readonly from: string };

/** Every default and where it came from; `wrongs` are variables that mean nothing. */
export function shownDefaults(env: Environment): { defaults: ShownDefault[]; wrongs: string[] } {
  const defaults: ShownDefault[] = [];
  const wrongs: string[] = [];
  for (const [variable, read] of Object.entries(readers)) {
    try {
      // One at a time: a variable that is wrong must not hide the others.
      const { value, from } = read({ [variable]: env[variable] });
      defaults.push({ variable, value, from: from === variable ? "environment" : from });
    } catch (error) {
      wrongs.push(messageOf(error));
    }
  }
  return { defaults, wrongs };
}

type Shown = { readonly value: string; readonly from: string };

const readers: Readonly<Record<string, (env: Environment) => Shown>> = {
  DLO_ENABLED: (env) => shown(jobDefaults(env).enabled, String),
  DLO_MAXIMUM_ATTEMPTS: (env) => shown(jobDefaults(env).maximumAttempts, String),
  DLO_RETENTION: (env) => shown(keepingDefaults(env).retentionMs, span),
  DLO_KEEP_FOR: (env) => shown(keepingDefaults(env).keepForMs, span),
};

function shown<T>({ value, from }: DefaultValue<T>, format: (value: T) => string): Shown {
  return { value: format(value), from };
}

function span(value: number | "indefinite"): string {
  return value === "indefinite" ? value : formatDuration(value);
}
