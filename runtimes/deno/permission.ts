// Whether Deno permits what `node:net` is to do. Where it does not, `listen()` of `node:net` throws
// in a turn of its own, where no code can catch it, and the process ends.

import { lookup } from "node:dns/promises";
import { isIP } from "node:net";
import type { ListenOptions } from "../../src/transport/transport.ts";
import { LISTENING } from "../../src/transport/network_error.ts";
import { failure } from "../shared/system_error.ts";
import { deno } from "./namespace.ts";

/**
 * Asks for what listening needs, as Deno itself would: on a terminal it asks the user.
 *
 * @param options Where to listen.
 * @returns A promise that rejects when it is not permitted, or the name is not known.
 */
export async function permitListening(options: ListenOptions): Promise<void> {
  const { hostname, port, path } = options;
  // A unix socket is asked for before its turn.
  if (path !== undefined) return;
  try {
    if (isIP(hostname) !== 0) return await permit(withPort(hostname, port));
    // `node:net` looks the name up, and listens on the address that it stands for.
    await permit(hostname);
    await permit(withPort((await lookup(hostname)).address, port));
  } catch (error) {
    throw failure(LISTENING, options, error);
  }
}

async function permit(host: string): Promise<void> {
  const { state } = await deno().permissions.request({ name: "net", host });
  if (state === "granted") return;
  const error = new Error(`Requires net access to "${host}", run again with the --allow-net flag`);
  error.name = "NotCapable";
  throw error;
}

function withPort(address: string, port: number): string {
  return `${address.includes(":") ? `[${address}]` : address}:${port}`;
}
