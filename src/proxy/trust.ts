// The client behind trusted proxies: its address, and the scheme and host that it used.
//
// 1. Walk from the connection's peer towards the client. As long as the node at hand is trusted,
//    its word about the node before it counts. The first node that is not trusted is the client.
// 2. Scheme and host are read as deep in their lists as the walk went, or from the deepest entry
//    there is.
// 3. A proxy sets Forwarded or X-Forwarded-For and passes the other on as the client sent it. So
//    where both are there, they must name the same client.

import { isAuthority } from "../handshake/authority.ts";
import type { HeadFault, RequestHead } from "../http/head.ts";
import { describe, type OptionRule } from "../util/check_options.ts";
import type { Address } from "../transport/transport.ts";
import { isInRange, parseAddressRange, parseIpAddress } from "../util/ip_address.ts";
import {
  type ForwardedElement,
  parseForwarded,
  parseForwardedList,
  parseNode,
} from "./forwarded.ts";

/**
 * Which proxies to believe: true for all, a number for so many in front of the server, or the
 * addresses and ranges (`10.0.0.0/8`) that they connect from.
 */
export type TrustProxy = boolean | number | readonly string[];

/**
 * Whether to believe what a peer says of the one before it; `hop` counts from 0, the connection's
 * peer.
 */
export type Trust = (hostname: string | undefined, hop: number) => boolean;

/** What the proxies say. */
export interface Forwarding {
  /** The client's address. */
  readonly remoteAddress: Address | undefined;
  /** Whether the client used TLS; undefined when no proxy says. */
  readonly secure: boolean | undefined;
  /** The host, with its port where one was given; undefined when no proxy says. */
  readonly host: string | undefined;
}

/** What the option `trustProxy` may be. */
export const trustRule: OptionRule = {
  expected: "true, a number, or a list of addresses and ranges",
  check: (_name, value) => void createTrust(value as TrustProxy),
};

/**
 * Reads the option `trustProxy`.
 *
 * @param option The option.
 * @returns The peers to trust; undefined for none.
 * @throws {TypeError} When it is of the wrong kind, or an entry is neither an address nor a range.
 * @throws {RangeError} When the number is not a count.
 */
export function createTrust(option: TrustProxy | undefined): Trust | undefined {
  if (option === undefined || option === false || option === 0) return undefined;
  if (option === true) return () => true;
  if (typeof option === "number") {
    if (!Number.isInteger(option) || option < 0) {
      throw new RangeError(
        `Expected trustProxy to be a whole number of proxies, 0 or more, got ${option}`,
      );
    }
    return (_hostname, hop) => hop < option;
  }
  if (!Array.isArray(option) || option.some((entry) => typeof entry !== "string")) {
    throw new TypeError(
      "Expected trustProxy to be true or false, a number of proxies, or a list of addresses and ranges, " +
        `got ${describe(option)}`,
    );
  }
  const ranges = (option as readonly string[]).map((text) => {
    const range = parseAddressRange(text);
    if (range !== undefined) return range;
    throw new TypeError(
      `Expected trustProxy to have IP addresses and ranges like 10.0.0.0/8, got "${text}"`,
    );
  });
  return (hostname) => {
    const octets = hostname === undefined ? undefined : parseIpAddress(hostname);
    return octets !== undefined && ranges.some((range) => isInRange(octets, range));
  };
}

/**
 * Finds the client.
 *
 * @param head The request.
 * @param peer The connection's peer.
 * @param trust Which peers to believe.
 * @returns What the proxies say, or the fault with which to refuse the request.
 */
export function resolveForwarding(
  { headers }: RequestHead,
  peer: Address | undefined,
  trust: Trust,
): Forwarding | HeadFault {
  // The fields of a peer that is not trusted are not even read.
  if (!trust(peer?.hostname, 0)) {
    return { remoteAddress: peer, secure: undefined, host: undefined };
  }
  const field = headers.get("forwarded");
  const elements = field === undefined ? [] : parseForwarded(field);
  if (elements === undefined) return fault("Expected Forwarded to be as in RFC 7239");
  const addresses = parseForwardedList(headers, "x-forwarded-for");
  const standard = walk(elements.map((element) => element.get("for") ?? ""), peer, trust);
  const customary = walk(addresses, peer, trust);
  if (
    elements.length > 0 && addresses.length > 0 &&
    standard.client?.hostname !== customary.client?.hostname
  ) return fault("Expected Forwarded and X-Forwarded-For to name the same client");

  const useStandard = addresses.length === 0 && elements.length > 0;
  const { client, depth } = useStandard ? standard : customary;
  const parameter = (name: string, fallback: string): string | undefined => {
    const said = useStandard ? parameterAt(elements, depth, name) : undefined;
    return said ?? entryAt(parseForwardedList(headers, fallback), depth);
  };
  const scheme = parameter("proto", "x-forwarded-proto")?.toLowerCase();
  if (scheme !== undefined && !/^(?:http|ws)s?$/.test(scheme)) {
    return fault("Expected the forwarded proto to be http or https");
  }
  const host = parameter("host", "x-forwarded-host");
  if (host !== undefined && !isAuthority(host)) {
    return fault("Expected the forwarded host to be a host and an optional port");
  }
  const secure = scheme === undefined ? undefined : scheme.endsWith("s");
  return { remoteAddress: client, secure, host };
}

/** Walks towards the client; `nodes` has the client first. */
function walk(
  nodes: readonly string[],
  peer: Address | undefined,
  trust: Trust,
): { readonly client: Address | undefined; readonly depth: number } {
  let client = peer;
  let depth = 0;
  while (depth < nodes.length && trust(client?.hostname, depth)) {
    const next = parseNode(nodes[nodes.length - ++depth]!);
    // A proxy hides the node before it, so the proxy is the last known node.
    if (next === undefined) break;
    client = next;
  }
  return { client, depth: Math.max(depth, 1) };
}

/** The entry at that depth in a list, or the deepest there is. */
function entryAt<T>(list: readonly T[], depth: number): T | undefined {
  return list[Math.max(list.length - depth, 0)];
}

/** An element may leave a parameter out: then the parameter from the proxy nearer to us counts. */
function parameterAt(
  elements: readonly ForwardedElement[],
  depth: number,
  name: string,
): string | undefined {
  for (let hop = Math.min(depth, elements.length); hop > 0; hop--) {
    const value = elements[elements.length - hop]?.get(name);
    if (value !== undefined) return value;
  }
  return undefined;
}

function fault(reason: string): HeadFault {
  return { status: 400, reason };
}
