import type { Codec } from "../model/config.ts";
import { redact, redacted } from "../model/redact.ts";
import type { Amend, BulkCommand, RedriveSpec } from "../model/redrive.ts";
import { decodeValue, encodeValue, payloadsOf, serializePayloads } from "./stored-payloads.ts";

/** What a redrive was given to put into jobs. */
type Given = { readonly input?: unknown; readonly patch?: readonly object[] };

type Hiding = { readonly codecs: readonly Codec[]; readonly redact: readonly string[] };

/**
 * A redrive's spec as everybody may read it, and what it hides: where inputs are encrypted or have fields that must not show, the
 * new ones of a redrive are no more public than those of letters.
 */
export async function sealSpec(
  spec: RedriveSpec,
  { codecs, redact: fields }: Hiding,
): Promise<{ readonly spec: RedriveSpec; readonly sealed: Buffer | null }> {
  const given = givenIn(spec);
  if (given === undefined || (codecs.length === 0 && fields.length === 0)) return { spec, sealed: null };
  const shown: Given = {
    ...("input" in given ? { input: codecs.length > 0 ? redacted : redact(given.input, fields) } : {}),
    // Which field an operation sets is a matter of the document that it meets.
    ...(given.patch === undefined
      ? {}
      : {
          patch: given.patch.map((operation) => ("value" in operation ? { ...operation, value: redacted } : operation)),
        }),
  };
  return { spec: withGiven(spec, shown), sealed: serializePayloads(await encodeValue(given, codecs)) };
}

/** The spec as it was asked for. */
export async function unsealSpec(
  spec: RedriveSpec,
  sealed: Uint8Array | null,
  codecs: readonly Codec[],
): Promise<RedriveSpec> {
  if (sealed === null) return spec;
  return withGiven(spec, (await decodeValue(payloadsOf(sealed), codecs)) as Given);
}

function givenIn({ command, amend }: RedriveSpec): Given | undefined {
  const hasInput = "input" in command && command.input !== undefined;
  const hasPatch = amend !== null && "patch" in amend;
  if (!hasInput && !hasPatch) return undefined;
  return { ...(hasInput ? { input: command.input } : {}), ...(hasPatch ? { patch: amend.patch } : {}) };
}

function withGiven(spec: RedriveSpec, given: Given): RedriveSpec {
  const command = "input" in given ? ({ ...spec.command, input: given.input } as BulkCommand) : spec.command;
  const amend: Amend | null = given.patch === undefined ? spec.amend : { patch: given.patch };
  return { ...spec, command, amend };
}
