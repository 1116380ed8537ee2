// Dialling any address of a host, with or without TLS, which is `node:tls` on every runtime
// (node_tls.ts).

import {
  dialHost,
  type DialTarget,
  type SystemLookupFor,
} from "../../src/transport/happy_eyeballs.ts";
import type { DialOptions, Runtime, Transport } from "../../src/transport/transport.ts";
import type { dialTls } from "./node_tls.ts";

/**
 * Makes a runtime's `dial()` of its ways to open a byte stream without TLS and with it.
 *
 * @param dialPlain Without TLS.
 * @param dialSecure With TLS.
 * @param systemFor Gives the system's lookup.
 */
export function dialWith(
  dialPlain: (target: DialTarget, options: DialOptions) => Promise<Transport>,
  dialSecure: typeof dialTls,
  systemFor: SystemLookupFor,
): Runtime["dial"] {
  const dial = async (target: DialTarget, options: DialOptions): Promise<Transport> => {
    const { tls } = options;
    if (tls === undefined) return await dialPlain(target, options);
    return await dialSecure(target, { ...options, tls });
  };
  return (address, options) => dialHost(address, options, dial, systemFor);
}
