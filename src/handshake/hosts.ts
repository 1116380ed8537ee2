// The names that a server is served under: a request for another one is misdirected (RFC 9110
// section 7.4, 15.5.20).
//
// This rule prevents DNS rebinding. An attacker lets the name attacker.example point at this
// server: for the origin rule, a page of that name then has the same origin as its requests. Only
// the server knows that it does not have this name.

import type { HandshakeRefusal } from "./refusal.ts";
import type { RequestHead } from "../http/head.ts";
import { describe, type OptionRule } from "../util/check_options.ts";
import { requestAuthority } from "./authority.ts";
import { matchesHost } from "./origin_pattern.ts";
import { printable } from "./printable.ts";

/** A name that is served. */
interface HostPattern {
  /** What may stand in front of it: nothing, labels, or either. */
  readonly labels: "" | "*." | ".";
  /** The name or address, in lower case. */
  readonly host: string;
  /** The port; undefined for any. */
  readonly port: string | undefined;
}

const ENTRY = /^(\*?\.(?=[a-z\d_-]))?([a-z\d._~-]+|\[[\da-f:.]+\])(?::(\d+))?$/i;

/** What the option `hosts` may be. */
export const hostsRule: OptionRule = {
  expected: "a list of host names",
  check(name, value) {
    if (!Array.isArray(value)) {
      throw new TypeError(`Expected ${name} to be ${this.expected}, got ${describe(value)}`);
    }
    for (const entry of value) parseHost(entry);
  },
};

function parseHost(entry: unknown): HostPattern {
  const [, labels = "", host, port] = (typeof entry === "string" && ENTRY.exec(entry)) || [];
  if (host === undefined) {
    throw new TypeError(
      'Expected hosts to have names such as "example.org", ".example.org" (with its subdomains), "127.0.0.1" or ' +
        `"[::1]", perhaps with a port, got ${describe(entry)}`,
    );
  }
  return { labels: labels as HostPattern["labels"], host: host.toLowerCase(), port };
}

/** Judges whether a request is for a host that is served; undefined when it is. */
export type HostRule = (head: RequestHead) => HandshakeRefusal | undefined;

/**
 * Makes the rule of a list of hosts.
 *
 * @param entries The names; one without a port is for any port.
 * @returns The rule; it refuses with 421.
 */
export function createHostRule(entries: readonly string[]): HostRule {
  const patterns = entries.map(parseHost);
  return (head) => {
    const authority = requestAuthority(head);
    const [, host = "", port] = /^(.*?)\.?(?::(\d*))?$/.exec(authority ?? "") ?? [];
    const name = host.toLowerCase();
    if (patterns.some((one) => (one.port ?? port) === port && matchesHost(one, name))) {
      return undefined;
    }
    const got = authority === undefined ? "none" : `"${printable(authority)}"`;
    return {
      status: 421,
      reason: `Expected one of the server's names (its \`hosts\` option), got Host ${got}`,
      headers: [],
      cause: "host",
    };
  };
}
