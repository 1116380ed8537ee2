// Dialling with or without TLS, which is `node:tls` on every runtime (node_tls.ts).

import type { Address, DialOptions, Runtime, Transport } from "../../src/transport/transport.ts";
import type { dialTls } from "./node_tls.ts";

/** Makes a runtime's `dial()` of its ways to open a byte stream without TLS and with it. */
export function dialWith(
  dialPlain: (address: Address, options: DialOptions) => Promise<Transport>,
  dialSecure: typeof dialTls,
): Runtime["dial"] {
  return async (address, options) => {
    const { tls } = options;
    if (tls === undefined) return await dialPlain(address, options);
    return await dialSecure(address, { ...options, tls });
  };
}
