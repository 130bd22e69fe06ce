import { userInfo } from "node:os";
import type { Dlo } from "../client/index.ts";
import type { Config } from "../model/config.ts";
import { loadConfig } from "./load-config.ts";
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

/** As `withClient`, for what changes something: with the configuration's codec, and it names its target first. */
export async function actingClient<Result>(
  flags: TargetFlags & { readonly config?: string | undefined },
  work: (dlo: Dlo) => Promise<Result>,
): Promise<Result> {
  const loaded = await loadConfig(flags.config);
  return await withClient(flags, loaded?.config.codec, async (dlo) => {
    nameTarget(dlo.target);
    return await work(dlo);
  });
}

/** Before something is changed, its doer sees where. */
export function nameTarget({ temporal }: Dlo["target"]): void {
  notice(paint("dim", `Target: ${temporal.address}, namespace ${temporal.namespace} (from ${temporal.from})`, process.stderr));
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
