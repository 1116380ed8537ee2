// The addresses of a host as the system knows them, by `node:dns`, which asks `getaddrinfo()` on
// all three runtimes.

import { ADDRCONFIG, lookup } from "node:dns";
import process from "node:process";
import type { SystemLookup } from "../../src/transport/happy_eyeballs.ts";
import { DIALLING } from "../../src/transport/network_error.ts";
import { failure } from "./system_error.ts";

// As `node:net` does it: no addresses of a family that this machine has none of itself.
const hints = process.platform === "win32" ? 0 : ADDRCONFIG;

/** Asks the system, in the order of RFC 6724. */
export const systemLookup: SystemLookup = (address, family) =>
  new Promise((resolve, reject) => {
    const options = family === undefined ? { hints } : { family };
    lookup(address.hostname, { ...options, all: true, verbatim: true }, (error, found) => {
      if (error) reject(failure(DIALLING, address, error));
      else resolve(found.map(({ address }) => address));
    });
  });
