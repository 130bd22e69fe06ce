import proto from "@temporalio/proto";
import type { Payload } from "./stored-payloads.ts";

/*
 * All that a workflow or activity of other make was started with, but its input, so that it can be started again when its history is
 * gone: the request of Temporal's own API, with history's bytes. It stands in the row where a job's memo stands, wrapped as a
 * payload, since it holds what a memo holds: `dlo_reader` may not select it, and a full export takes it along.
 */

export type WorkflowStart = proto.temporal.api.workflowservice.v1.IStartWorkflowExecutionRequest;
export type ActivityStart = proto.temporal.api.workflowservice.v1.IStartActivityExecutionRequest;

const { Payload: PayloadProto } = proto.temporal.api.common.v1;
const { StartWorkflowExecutionRequest, StartActivityExecutionRequest } = proto.temporal.api.workflowservice.v1;

/** What history leaves out is left out. */
type Told<Request> = { readonly [Key in keyof Request]?: Request[Key] | undefined };

export function keepWorkflowStart(start: Told<WorkflowStart>): Buffer {
  return pack("StartWorkflowExecutionRequest", StartWorkflowExecutionRequest.encode(start as WorkflowStart).finish());
}

export function keepActivityStart(start: Told<ActivityStart>): Buffer {
  return pack("StartActivityExecutionRequest", StartActivityExecutionRequest.encode(start as ActivityStart).finish());
}

/** Undefined where the row has none: it was imported from elsewhere. */
export function keptWorkflowStart(data: Uint8Array | null): WorkflowStart | undefined {
  const bytes = unpack("StartWorkflowExecutionRequest", data);
  return bytes && StartWorkflowExecutionRequest.decode(bytes);
}

export function keptActivityStart(data: Uint8Array | null): ActivityStart | undefined {
  const bytes = unpack("StartActivityExecutionRequest", data);
  return bytes && StartActivityExecutionRequest.decode(bytes);
}

type Request = "StartWorkflowExecutionRequest" | "StartActivityExecutionRequest";

const encoding = "binary/protobuf";

function pack(request: Request, data: Uint8Array): Buffer {
  const payload: Payload = { metadata: { encoding: utf8(encoding), messageType: utf8(typeOf(request)) }, data };
  return Buffer.from(PayloadProto.encode(payload).finish());
}

function unpack(request: Request, data: Uint8Array | null): Uint8Array | undefined {
  if (data === null) return undefined;
  const { metadata, data: bytes } = PayloadProto.decode(data);
  const type = metadata?.["messageType"];
  return type && bytes && Buffer.from(type).toString() === typeOf(request) ? bytes : undefined;
}

function typeOf(request: Request): string {
  return `temporal.api.workflowservice.v1.${request}`;
}

function utf8(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}
