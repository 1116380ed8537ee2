// Dialling with or without TLS: TLS is `node:tls` on every runtime, and loaded by those who ask for it.

import type { Address, DialOptions, Runtime, Transport } from "../../src/transport/transport.ts";

/** Makes a runtime's `dial()` of its way to open a byte stream without TLS. */
export function dialWith(
  dialPlain: (address: Address, options: DialOptions) => Promise<Transport>,
): Runtime["dial"] {
  return async (address, options) => {
    const { tls } = options;
    if (tls === undefined) return await dialPlain(address, options);
    const { dialTls } = await import("./node_tls.ts");
    return await dialTls(address, { ...options, tls });
  };
}
