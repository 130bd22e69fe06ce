/** Where an office answers questions about itself. */
export type ListenAddress = { readonly host: string; readonly port: number };

/**
 * Reads `host:port`, such as `127.0.0.1:9464`, `[::1]:9464` or `:9464` for every address of this machine. Port 0 takes a free one.
 *
 * @throws {Error} with what was expected
 */
export function parseListen(text: unknown): ListenAddress {
  const [, host, port] = typeof text === "string" ? (/^(\[[0-9a-f:.]+\]|[\w.-]*):(\d{1,5})$/i.exec(text) ?? []) : [];
  if (host === undefined || Number(port) > 65_535)
    throw new Error(`it must be host:port, such as 127.0.0.1:9464, got ${JSON.stringify(text) ?? "nothing"}`);
  return { host: host === "" ? "0.0.0.0" : host.replace(/^\[|\]$/g, ""), port: Number(port) };
}
