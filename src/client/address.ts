// Where a URL leads.

import type { Address } from "../transport/transport.ts";

/** The ports of URLs that name none. */
const PORTS: Readonly<Record<string, number>> = {
  "ws:": 80,
  "wss:": 443,
  "http:": 80,
  "https:": 443,
  "socks5:": 1080,
  "socks5h:": 1080,
};

/**
 * Where a URL leads.
 *
 * @param url The URL of a WebSocket server, or of a proxy.
 * @returns The host, without the brackets of an IPv6 address, and the port.
 */
export function addressOf({ hostname, port, protocol }: URL): Address {
  return {
    hostname: hostname.replace(/^\[|\]$/g, ""),
    port: port === "" ? PORTS[protocol]! : Number(port),
  };
}
