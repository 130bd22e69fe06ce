import { type Command, Option, type OptionValues } from "@commander-js/extra-typings";
import type { TargetOptions } from "../connect/target.ts";

export type TargetFlags = {
  readonly address?: string;
  readonly namespace?: string;
  readonly profile?: string;
  readonly tls?: true;
  readonly tlsCa?: string;
  readonly tlsCert?: string;
  readonly tlsKey?: string;
  readonly tlsServerName?: string;
  readonly apiKey?: string;
  readonly databaseUrl?: string;
};

/** Adds the flags that say where Temporal and Postgres are. */
export function withTarget<Args extends unknown[], Options extends OptionValues>(
  command: Command<Args, Options>,
): Command<Args, Options & TargetFlags> {
  return withTemporal(command).addOption(
    new Option("--database-url <url>", "Postgres, such as postgres://user:password@host:5432/database"),
  ) as never;
}

/** As `withTarget`, for what needs no database. */
export function withTemporal<Args extends unknown[], Options extends OptionValues>(
  command: Command<Args, Options>,
): Command<Args, Options & Omit<TargetFlags, "databaseUrl">> {
  command.optionsGroup(heading);
  for (const [flags, description] of temporalFlags) command.addOption(new Option(flags, description));
  return command;
}

/** The flags as `connect` and `findTarget` take them. */
export function targetOptions(flags: TargetFlags): TargetOptions {
  const { address, namespace, profile, apiKey, databaseUrl, tlsCa, tlsCert, tlsKey, tlsServerName } = flags;
  const files = {
    ...(tlsCa === undefined ? {} : { ca: tlsCa }),
    ...(tlsCert === undefined ? {} : { cert: tlsCert }),
    ...(tlsKey === undefined ? {} : { key: tlsKey }),
    ...(tlsServerName === undefined ? {} : { serverName: tlsServerName }),
  };
  const tls = Object.keys(files).length > 0 ? files : flags.tls;
  return {
    ...(address === undefined ? {} : { address }),
    ...(namespace === undefined ? {} : { namespace }),
    ...(profile === undefined ? {} : { profile }),
    ...(apiKey === undefined ? {} : { apiKey }),
    ...(databaseUrl === undefined ? {} : { databaseUrl }),
    ...(tls === undefined ? {} : { tls }),
  };
}

const heading = "Connection:";

const temporalFlags = [
  ["--address <host:port>", "Temporal's frontend"],
  ["--namespace <name>", "Temporal namespace"],
  ["--profile <name>", "profile of Temporal's own configuration file"],
  ["--tls", "connect with TLS, trusting the system's certificates"],
  ["--tls-ca <file>", "certificate of the authority that signed the server's"],
  ["--tls-cert <file>", "client certificate, with --tls-key"],
  ["--tls-key <file>", "key of the client certificate"],
  ["--tls-server-name <name>", "name that the server's certificate must have"],
  ["--api-key <key>", "API key; implies --tls"],
] as const;
