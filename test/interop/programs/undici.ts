// undici's WebSocket with a certificate to trust.

import { readFileSync } from "node:fs";
import * as undici from "undici";
import { whatwgClient } from "../native_peer.ts";
import type { PeerClient } from "../peer.ts";

/**
 * The WebSocket of the npm package undici.
 *
 * @param authority The path of the certificate to trust.
 * @returns The client.
 */
export function undiciClient(authority: string): PeerClient {
  let dispatcher: undici.Agent;
  class TrustingWebSocket extends undici.WebSocket {
    constructor(url: string, protocols: string[]) {
      super(url, { protocols, dispatcher });
    }
  }
  return {
    ...whatwgClient("undici's WebSocket", TrustingWebSocket as unknown as typeof WebSocket),
    start() {
      dispatcher = new undici.Agent({ connect: { ca: readFileSync(authority) } });
      return Promise.resolve({ stop: () => dispatcher.close() });
    },
  };
}
