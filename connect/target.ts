import { readFileSync } from "node:fs";
import { loadClientConfigProfile, toClientOptions } from "@temporalio/envconfig";
import { officeErrorOf } from "../model/office-error.ts";
import { findStack } from "../stack/stack-info.ts";

/** Where Temporal and Postgres are; the names are the command line's flags. All optional. */
export type TargetOptions = {
  /** `host:port` of Temporal's frontend. */
  readonly address?: string;
  readonly namespace?: string;
  /** A profile of Temporal's own configuration file. */
  readonly profile?: string;
  readonly apiKey?: string;
  /** `true` for TLS with the system's certificates, or files. An API key implies `true`. */
  readonly tls?: boolean | TlsFiles;
  readonly databaseUrl?: string;
};

export type TlsFiles = {
  /** Path of the server's CA certificate. */
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  readonly serverName?: string;
};

/** What was found, and where. */
export type Target = {
  readonly temporal: {
    readonly address: string;
    readonly namespace: string;
    readonly connection: TemporalConnectionOptions;
    readonly from: string;
    readonly namespaceFrom: string;
    /** Base URL of Temporal Web UI, where it is known. */
    readonly ui?: string;
  };
  readonly database?: { readonly url: string; readonly from: string };
};

/** What both `Connection.connect` and `NativeConnection.connect` take. */
export type TemporalConnectionOptions = {
  readonly address: string;
  readonly apiKey?: string;
  readonly tls?: Exclude<ReturnType<typeof toClientOptions>["connectionOptions"]["tls"], undefined>;
  readonly metadata?: Record<string, string>;
};

/**
 * Finds Temporal and Postgres: the options first, then the environment (`DLO_DATABASE_URL`, and Temporal's own
 * configuration: `TEMPORAL_ADDRESS` and its kin, profiles in `temporal.toml`), then a stack that runs in this folder or
 * above it. The stack's database is taken only with the stack's Temporal: a mixture would be two systems in one.
 *
 * @throws {OfficeError} `CONFIG_INVALID` for an unreadable profile or certificate
 */
export function findTarget(options: TargetOptions = {}, env = process.env, cwd = process.cwd()): Target {
  const profile = readProfile(options.profile, env);
  const stack = options.address === undefined && profile.address === undefined ? findStack(cwd) : undefined;
  const address = options.address ?? profile.address ?? stack?.temporal.address ?? "127.0.0.1:7233";
  const namespace = options.namespace ?? profile.namespace ?? stack?.temporal.namespace ?? "default";
  const fromProfile = toClientOptions(profile).connectionOptions;
  const apiKey = options.apiKey ?? fromProfile.apiKey;
  const tls =
    options.tls === undefined ? (fromProfile.tls ?? (apiKey === undefined ? undefined : true)) : tlsOf(options.tls);
  const from = options.address
    ? "option"
    : profile.address
      ? "Temporal's environment or profile"
      : stack
        ? "the stack that runs here"
        : "Temporal's default";
  const database = options.databaseUrl
    ? { url: options.databaseUrl, from: "option" }
    : env["DLO_DATABASE_URL"]
      ? { url: env["DLO_DATABASE_URL"], from: "DLO_DATABASE_URL" }
      : stack
        ? { url: stack.postgres.url, from: "the stack that runs here" }
        : undefined;
  return {
    temporal: {
      address,
      namespace,
      connection: {
        address,
        ...(apiKey === undefined ? {} : { apiKey }),
        ...(tls === undefined ? {} : { tls }),
        ...(fromProfile.metadata === undefined ? {} : { metadata: fromProfile.metadata as Record<string, string> }),
      },
      from,
      namespaceFrom: options.namespace
        ? "option"
        : profile.namespace
          ? "Temporal's environment or profile"
          : stack
            ? "the stack that runs here"
            : "Temporal's default",
      ...(stack === undefined ? {} : { ui: stack.temporal.ui }),
    },
    ...(database === undefined ? {} : { database }),
  };
}

/** The database's address without its password, to be shown. */
export function shownDatabase(url: string): string {
  try {
    const shown = new URL(url);
    if (shown.password !== "") shown.password = "***";
    return shown.toString();
  } catch {
    return "(unreadable URL)";
  }
}

function readProfile(profile: string | undefined, env: NodeJS.ProcessEnv) {
  try {
    return loadClientConfigProfile({
      ...(profile === undefined ? {} : { profile }),
      overrideEnvVars: Object.fromEntries(Object.entries(env).filter(([, v]) => v !== undefined)) as Record<
        string,
        string
      >,
    });
  } catch (error) {
    throw officeErrorOf(
      "CONFIG_INVALID",
      `Temporal's configuration cannot be read: ${error instanceof Error ? error.message : String(error)}. Check --profile, TEMPORAL_PROFILE and temporal.toml`,
    );
  }
}

function tlsOf(tls: boolean | TlsFiles): NonNullable<TemporalConnectionOptions["tls"]> {
  if (typeof tls === "boolean") return tls;
  const { ca, cert, key, serverName } = tls;
  if ((cert === undefined) !== (key === undefined))
    throw officeErrorOf(
      "CONFIG_INVALID",
      "TLS needs a certificate and its key together: give both --tls-cert and --tls-key",
    );
  return {
    ...(serverName === undefined ? {} : { serverNameOverride: serverName }),
    ...(ca === undefined ? {} : { serverRootCACertificate: readPem(ca) }),
    ...(cert === undefined || key === undefined ? {} : { clientCertPair: { crt: readPem(cert), key: readPem(key) } }),
  };
}

function readPem(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch {
    throw officeErrorOf("CONFIG_INVALID", `The TLS file ${path} cannot be read`);
  }
}
