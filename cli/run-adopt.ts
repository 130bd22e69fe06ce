import type { AdoptOutcome, Dlo, StartAdoptOptions } from "../client/index.ts";
import { type Duration, formatDuration, parseDuration } from "../model/duration.ts";
import { usage } from "../model/office-error.ts";
import { adoptedText, adoptPreviewText, nothingToAdopt } from "./adopt-text.ts";
import { ask, canAsk } from "./confirm.ts";
import type { OfficeFlag } from "./office-flag.ts";
import { actingClient, announceTarget } from "./open-client.ts";
import { notice, type Output, print, printJson } from "./output-flag.ts";
import { said } from "./prune-text.ts";
import { type SignatureFlags, signatureOf } from "./signature-flags.ts";
import type { TargetFlags } from "./target-flags.ts";

export type AdoptFlags = TargetFlags &
  SignatureFlags &
  OfficeFlag & {
    readonly activities?: true;
    readonly watch?: string | true;
    readonly every?: Duration;
    readonly dryRun?: true;
    readonly yes?: true;
    readonly output: Output;
    readonly config?: string;
  };

/** Says what would be adopted, asks, and adopts it; with a watch, from then on whatever fails. */
export async function runAdopt(query: string, flags: AdoptFlags): Promise<void> {
  const { output, watch } = flags;
  const given = optionsOf(query, flags);
  await announceTarget(flags);
  await actingClient(flags, async (dlo, office) => {
    const options = { ...given, office };
    if (flags.dryRun || !flags.yes) {
      const preview = await looking(dlo, { ...withoutId(options), dryRun: true });
      if (flags.dryRun) {
        if (output !== "table") return printJson(output, preview);
        print(adoptPreviewText(preview));
        return notice("Nothing was changed. To do it: the same without --dry-run");
      }
      if (preview.unsupported || (preview.adopted === 0 && watch === undefined)) {
        notice(adoptPreviewText(preview));
        return notice("Nothing was changed.");
      }
      notice(adoptPreviewText(preview));
      const would = `make ${said(preview.adopted, "dead letter")}${watch === undefined ? "" : ", and more as they fail"}`;
      if (!canAsk()) throw usage(`It would ${would}, and nobody can be asked here. To go ahead: --yes`);
      if (!(await ask(`${would[0]?.toUpperCase()}${would.slice(1)}?`))) return notice("Nothing was changed.");
    }
    const watching = watch === undefined ? undefined : await beginWatch(dlo, options, flags);
    const outcome = await looking(dlo, { ...options, ...(watching === undefined ? {} : { watch: watching }) });
    if (output === "table") print(outcome.adopted === 0 ? nothingToAdopt(outcome) : adoptedText(outcome));
    else printJson(output, outcome);
    if (watching !== undefined)
      notice(`Watch ${watching} adopts what fails from now on, ${every(flags)}. To end it: dlo adopt stop ${watching}`);
  });
}

/** The office goes on whatever becomes of this process. */
async function looking(dlo: Dlo, options: StartAdoptOptions): Promise<AdoptOutcome> {
  const waiting = setTimeout(
    () =>
      notice(options.dryRun ? "The office looks at what failed …" : "The office adopts … (Ctrl-C leaves it running)"),
    3_000,
  );
  try {
    return await dlo.adopt(options);
  } finally {
    clearTimeout(waiting);
  }
}

type WatchedOptions = StartAdoptOptions & { readonly office: string };

const defaultEveryMs = 60_000;

function everyMsOf(flags: AdoptFlags): number {
  return flags.every === undefined ? defaultEveryMs : parseDuration(flags.every, "every", { minimumMs: 10_000 });
}

function every(flags: AdoptFlags): string {
  return `every ${formatDuration(everyMsOf(flags))}`;
}

async function beginWatch(dlo: Dlo, options: WatchedOptions, flags: AdoptFlags): Promise<string> {
  const { checkQuery } = await import("../client/adopt.ts");
  const { makeWatch } = await import("../setup/adopt-watches.ts");
  const { query, what = "workflows", office, by = "", reason } = options;
  await checkQuery(dlo.temporal, { query, what });
  const name = typeof flags.watch === "string" ? flags.watch : "default";
  const made = await makeWatch(dlo.temporal, {
    ...{ name, office, query, what, by, everyMs: everyMsOf(flags) },
    ...(reason === undefined ? {} : { reason }),
  });
  if (made === "there") notice(`Watch ${name} is there already, and stays as it is.`);
  return name;
}

function optionsOf(query: string, flags: AdoptFlags): StartAdoptOptions {
  const { requestId, ...signature } = signatureOf(flags);
  return {
    query,
    ...signature,
    ...(requestId === undefined ? {} : { id: requestId }),
    ...(flags.activities ? { what: "activities" as const } : {}),
  };
}

/** What a request's id once found would be found again. */
function withoutId({ id: _, ...options }: StartAdoptOptions): StartAdoptOptions {
  return options;
}
