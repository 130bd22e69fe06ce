import { userInfo } from "node:os";
import type { Dlo } from "../client/index.ts";
import type { Config } from "../model/config.ts";
import { loadConfig } from "./load-config.ts";
import { type OfficeFlag, officeOf } from "./office-flag.ts";
import { notice } from "./output-flag.ts";
import { paint } from "./paint.ts";
import { type TargetFlags, targetOptions } from "./target-flags.ts";

/** Connects, does the work, and closes whatever happens. */
export async function withClient<Result>(
  flags: TargetFlags,
  codec: Config["codec"],
  work: (dlo: Dlo) => Promise<Result>,
): Promise<Result> {
  const { connect } = await import("../client/index.ts");
  const dlo = await connect({ ...targetOptions(flags), identity: whoAmI(), ...(codec === undefined ? {} : { codec }) });
  try {
    return await work(dlo);
  } finally {
    await dlo.close();
  }
}

/** As `withClient`, with the configuration's codec, since commands carry payloads, and with the office that is asked. */
export async function actingClient<Result>(
  flags: TargetFlags & OfficeFlag & { readonly config?: string },
  work: (dlo: Dlo, office: string) => Promise<Result>,
): Promise<Result> {
  const config = (await loadConfig(flags.config))?.config;
  return await withClient(flags, config?.codec, async (dlo) => await work(dlo, officeOf(flags, config)));
}

/** Before something is changed, its doer sees where. */
export async function announceTarget(flags: TargetFlags): Promise<void> {
  const { findTarget } = await import("../connect/target.ts");
  const { address, namespace, from } = findTarget(targetOptions(flags)).temporal;
  notice(paint("dim", `Target: ${address}, namespace ${namespace} (from ${from})`, process.stderr));
}

/** The signature of commands, unless --by names another. */
export function whoAmI(): string {
  try {
    return userInfo().username;
  } catch {
    // In a container a user may have no name.
    return process.env["USER"] ?? `uid ${process.getuid?.() ?? "unknown"}`;
  }
}
