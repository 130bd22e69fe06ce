import { execFile } from "node:child_process";
import { createWriteStream } from "node:fs";
import { join } from "node:path";
import { Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { promisify } from "node:util";
import { withPatience } from "./patience.ts";
import type { Pinned } from "./pinned.ts";
import type { Progress } from "./progress.ts";

/** Fetches a program the way Temporal's SDKs do, unpacks it into the folder and returns its path there. */
export async function fetchFromTemporal(
  pinned: Pinned,
  folder: string,
  progress: Progress,
  signal: AbortSignal,
  origin = "https://temporal.download",
): Promise<string> {
  return await withPatience({ what: pinned.title, progress, signal }, async (patience) => {
    const platform = platforms[process.platform];
    const arch = architectures[process.arch];
    if (!platform || !arch) throw new Error(`there is none for ${process.platform} on ${process.arch}`);
    const query = new URLSearchParams({ platform, arch });
    const found = await get(`${origin}/${pinned.artifact}/v${pinned.version}?${query.toString()}`, patience.signal);
    const { archiveUrl, fileToExtract } = (await found.json()) as { archiveUrl: string; fileToExtract: string };
    const { body } = await get(archiveUrl, patience.signal);
    if (!body) throw new Error(`${archiveUrl} is empty`);
    const archive = join(folder, "archive");
    let bytes = 0;
    const count = new Transform({
      transform(chunk: Buffer, _encoding, done) {
        patience.came((bytes += chunk.length));
        done(null, chunk);
      },
    });
    await pipeline(body, count, createWriteStream(archive), { signal: patience.signal });
    await promisify(execFile)("tar", ["-xf", archive, "-C", folder], { signal: patience.signal });
    return join(folder, fileToExtract);
  });
}

const platforms: Partial<Record<NodeJS.Platform, string>> = { linux: "linux", darwin: "darwin", win32: "windows" };
const architectures: Partial<Record<NodeJS.Architecture, string>> = { x64: "amd64", arm64: "arm64" };

async function get(url: string, signal: AbortSignal): Promise<Response> {
  const response = await fetch(url, { signal }).catch((error: Error) => {
    // By itself it says no more than `fetch failed`.
    throw error.cause instanceof Error ? error.cause : error;
  });
  if (!response.ok) throw new Error(`${url} answered ${response.status}`);
  return response;
}
