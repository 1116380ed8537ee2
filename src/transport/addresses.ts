// How the host of a URL becomes IP addresses, and which of them are tried.

import { abortReason, unlessAborted } from "../util/abort.ts";
import { callback, describe, kind, type OptionTable } from "../util/check_options.ts";
import { addressOf } from "../util/error_row.ts";
import { parseIpAddress } from "../util/ip_address.ts";
import { DIALLING, failed } from "./network_error.ts";
import type { Address, DialOptions, Runtime } from "./transport.ts";

/** A family of IP addresses. */
export type IpFamily = 4 | 6;

/** What a function that looks up addresses is told. */
export interface LookupOptions {
  /** The family that is wanted; undefined for both. */
  readonly family: IpFamily | undefined;
  /** Fires when the addresses are not wanted any more. */
  readonly signal: AbortSignal | undefined;
}

/** Finds the IP addresses of a host, the preferred one first. */
export type Lookup = (
  hostname: string,
  options: LookupOptions,
) => readonly string[] | Promise<readonly string[]>;

/** Which addresses of a host to connect to, and from which. */
export interface AddressOptions {
  /**
   * The IP address of this end, on a machine that has several. Only addresses of its family are
   * tried. Default: the system chooses.
   */
  readonly localAddress?: string;
  /** Which addresses of a host to try: 4 for IPv4 alone, 6 for IPv6 alone. Default: both. */
  readonly family?: IpFamily;
  /**
   * Finds the IP addresses of a host in place of the system, the preferred one first. It is called
   * for each redirection too, and not for a host that is an IP address. `handshakeTimeout` and
   * `signal` bound the wait for it. Default: the system's own names and name servers.
   */
  readonly lookup?: Lookup;
}

/** What each of these may be. */
export const ADDRESS_OPTIONS: OptionTable<AddressOptions> = {
  localAddress: kind(
    "an IP address",
    (value) => typeof value === "string" && familyOf(value) !== undefined,
  ),
  family: kind("4 or 6", (value) => value === 4 || value === 6),
  lookup: callback,
};

/**
 * A runtime that dials with the options of one call, wherever that leads.
 *
 * @param runtime Dials.
 * @param options The options.
 * @returns The runtime itself when there are none of these.
 */
export function withAddresses<R extends Pick<Runtime, "dial">>(
  runtime: R,
  { localAddress, family, lookup }: AddressOptions,
): R {
  if (localAddress === undefined && family === undefined && lookup === undefined) return runtime;
  const own = { localAddress, family, lookup };
  return { ...runtime, dial: (address, options) => runtime.dial(address, { ...options, ...own }) };
}

/**
 * Refuses the options, by name, where something else finds the address.
 *
 * @param options How to connect.
 * @param why What does.
 * @throws {TypeError} When there are any.
 */
export function refuseAddresses(
  options: Pick<DialOptions, keyof AddressOptions>,
  why: string,
): void {
  for (const name of ["localAddress", "family", "lookup"] as const) {
    if (options[name] !== undefined) throw new TypeError(`Expected no ${name} ${why}`);
  }
}

/**
 * The family of an IP address.
 *
 * @param text Any text.
 * @returns The family; undefined when it is no IP address.
 */
export function familyOf(text: string): IpFamily | undefined {
  if (parseIpAddress(text) === undefined) return undefined;
  return text.includes(":") ? 6 : 4;
}

/** The family that is wanted: that of this end's address, if it has one. */
export function familyWanted(
  { family, localAddress }: Pick<DialOptions, "family" | "localAddress">,
): IpFamily | undefined {
  const own = localAddress === undefined ? undefined : familyOf(localAddress);
  if (own !== undefined && family !== undefined && own !== family) {
    throw new TypeError(
      `Expected localAddress of family ${family}, got ${describe(localAddress)}`,
    );
  }
  return own ?? family;
}

/** The error for a host that has no address of the family that is wanted. */
export function withoutAddress(address: Address, family: IpFamily | undefined): Error {
  const said = family === undefined
    ? "the host has no address"
    : `the host has no IPv${family} address; leave out the options family and localAddress`;
  const error = failed(DIALLING, address, {
    code: undefined,
    said: `${said} (ENOTFOUND, ${addressOf("ENOTFOUND")})`,
  });
  return Object.assign(error, { code: "ENOTFOUND" });
}

/**
 * Asks a program's own function for the addresses of a host.
 *
 * @param address The host and the port.
 * @param lookup The function.
 * @param family The family that is wanted.
 * @param signal Ends the wait.
 * @returns What it says.
 * @throws {TypeError} When that is no list of IP addresses.
 */
export async function ask(
  address: Address,
  lookup: Lookup,
  family: IpFamily | undefined,
  signal: AbortSignal | undefined,
): Promise<readonly string[]> {
  let found: readonly string[];
  try {
    const answer = (async () => await lookup(address.hostname, { family, signal }))();
    found = await (signal === undefined ? answer : unlessAborted(answer, signal));
  } catch (error) {
    if (signal?.aborted) throw abortReason(signal);
    const { code, message } = Object(error) as { code?: unknown; message?: unknown };
    throw failed(DIALLING, address, {
      code: typeof code === "string" ? code : undefined,
      said: typeof message === "string" ? message : describe(error),
      cause: error,
    });
  }
  const isAddress = (one: unknown): boolean => typeof one === "string" && !!familyOf(one);
  // A list may have holes, which `every()` passes over.
  if (Array.isArray(found) && Array.from(found).every(isAddress)) return found;
  const wrong: unknown = Array.isArray(found) ? found.find((one) => !isAddress(one)) : found;
  throw new TypeError(`Expected a list of IP addresses from lookup, got ${describe(wrong)}`);
}

/**
 * Alternates between the families, beginning with that of the first address (RFC 8305 section 4).
 *
 * @param addresses IP addresses in the order of preference.
 * @returns Each of them once.
 */
export function interleave(addresses: readonly string[]): readonly string[] {
  const each = [...new Set(addresses)];
  const first = each.filter((address) => familyOf(address) === familyOf(each[0]!));
  const others = each.filter((address) => familyOf(address) !== familyOf(each[0]!));
  return each.flatMap((_, i) => [...first.slice(i, i + 1), ...others.slice(i, i + 1)]);
}
