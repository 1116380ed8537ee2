// The addresses of a host as the system knows them, by `node:dns`, which asks `getaddrinfo()` on
// all three runtimes.

import type { SystemLookup } from "../../src/transport/happy_eyeballs.ts";
import { DIALLING } from "../../src/transport/network_error.ts";
import { failure } from "./system_error.ts";

/**
 * Asks the system, in the order of RFC 6724. As in `node:net`, there are no addresses of a family
 * that this machine has none of itself. The module is loaded with the first name: a program that
 * connects to an IP address starts without it.
 */
export const systemLookup: SystemLookup = async (address, family) => {
  const { ADDRCONFIG, lookup } = await import("node:dns");
  const hints = globalThis.process.platform === "win32" ? 0 : ADDRCONFIG;
  const options = family === undefined ? { hints } : { family };
  return await new Promise((resolve, reject) => {
    lookup(address.hostname, { ...options, all: true, verbatim: true }, (error, found) => {
      if (error) reject(failure(DIALLING, address, error));
      else resolve(found.map(({ address }) => address));
    });
  });
};
