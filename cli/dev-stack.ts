import { searchAttributeNames } from "../model/search-attributes.ts";
import { type RunningStack, startStack } from "../stack/stack.ts";

export type DevStackFlags = {
  readonly folder: string;
  readonly temporalPort?: number;
  readonly uiPort?: number;
  readonly postgresPort?: number;
  /** Somebody's own Temporal, and Postgres, in place of the embedded ones. */
  readonly temporal?: string;
  readonly postgres?: string;
};

/** What `dlo dev` works with. */
export type DevStack = {
  readonly folder: string;
  readonly address: string;
  readonly namespace: string;
  readonly ui?: string;
  readonly databaseUrl: string;
  readonly embedded: { readonly temporal: boolean; readonly postgres: boolean };
  /** Settles if an embedded server ends by itself. */
  readonly failed: Promise<Error>;
  stop(): Promise<void>;
};

/** Starts the embedded servers, or those of them that nobody brings. */
export async function startDevStack(
  flags: DevStackFlags,
  options: { readonly progress: (line: string) => void; readonly signal: AbortSignal },
): Promise<DevStack> {
  const { folder, temporal, postgres } = flags;
  if (temporal !== undefined && postgres !== undefined)
    return {
      folder,
      address: temporal,
      namespace: ownNamespace(),
      databaseUrl: postgres,
      embedded: { temporal: false, postgres: false },
      failed: new Promise(() => undefined),
      stop: async () => undefined,
    };
  options.progress("Starting Temporal and Postgres …");
  const stack = await startStack({ ...portsOf(flags), folder, searchAttributes, ...options });
  return {
    folder,
    ...whereTemporalIs(stack, temporal),
    databaseUrl: postgres ?? stack.info.postgres.url,
    embedded: { temporal: temporal === undefined, postgres: postgres === undefined },
    failed: stack.failed,
    stop: () => stack.stop(),
  };
}

// Registered at the server's start they are there at once; a later registration takes a moment to be seen.
const searchAttributes = Object.fromEntries(searchAttributeNames.map((name) => [name, "Keyword" as const]));

function whereTemporalIs({ info }: RunningStack, own: string | undefined) {
  if (own !== undefined) return { address: own, namespace: ownNamespace() };
  const { address, namespace, ui } = info.temporal;
  return { address, namespace, ui };
}

function ownNamespace(): string {
  return process.env["TEMPORAL_NAMESPACE"] ?? "default";
}

function portsOf({ temporalPort, uiPort, postgresPort }: DevStackFlags) {
  return {
    ...(temporalPort === undefined ? {} : { temporalPort }),
    ...(uiPort === undefined ? {} : { uiPort }),
    ...(postgresPort === undefined ? {} : { postgresPort }),
  };
}
