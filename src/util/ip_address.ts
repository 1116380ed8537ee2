// IP addresses and ranges of them (RFC 4291 section 2.2, RFC 4632), as octets so that they can be
// compared.
//
// An IPv4 address mapped into IPv6 (::ffff:192.0.2.1) is the IPv4 address: a socket that listens on
// "::" reports IPv4 peers so, and a rule on 192.0.2.1 must find them.

/**
 * Reads an IP address.
 *
 * @param text The address, without brackets; a zone (`%eth0`) is ignored.
 * @returns Its 4 or 16 octets; undefined when it is no IP address.
 */
export function parseIpAddress(text: string): Uint8Array | undefined {
  if (!text.includes(":")) return parseIpv4(text);
  const octets = parseIpv6(text.split("%", 1)[0]!);
  return octets !== undefined && isMapped(octets) ? octets.slice(12) : octets;
}

/**
 * RFC 6943 section 3.1.1: the strict form only; "010.0.0.1" and "127.1" mean different hosts to
 * different parsers.
 */
function parseIpv4(text: string): Uint8Array | undefined {
  const parts = text.split(".");
  if (parts.length !== 4) return undefined;
  const octets = new Uint8Array(4);
  for (const [i, part] of parts.entries()) {
    if (!/^(?:0|[1-9]\d{0,2})$/.test(part) || Number(part) > 255) return undefined;
    octets[i] = Number(part);
  }
  return octets;
}

/**
 * The URL parser knows all forms, and writes them as groups with at most one "::". Bun's also takes
 * a colon at the end.
 */
function parseIpv6(text: string): Uint8Array | undefined {
  if (!/^[\da-f:.]+$/i.test(text) || /[^:]:$/.test(text)) return undefined;
  let address: string;
  try {
    address = new URL(`http://[${text}]/`).hostname.slice(1, -1);
  } catch {
    return undefined;
  }
  const [head = [], tail = []] = address.split("::").map((half) => half.split(":"));
  const octets = new Uint8Array(16);
  const write = (group: string, at: number): void => {
    const value = parseInt(group || "0", 16);
    octets[at] = value >> 8;
    octets[at + 1] = value;
  };
  head.forEach((group, i) => write(group, 2 * i));
  tail.forEach((group, i) => write(group, 16 - 2 * (tail.length - i)));
  return octets;
}

/** ::ffff:0:0/96 (RFC 4291 section 2.5.5.2). */
function isMapped(octets: Uint8Array): boolean {
  return octets[10] === 0xff && octets[11] === 0xff && octets.subarray(0, 10).every((o) => o === 0);
}

/**
 * Writes an IP address in its canonical form (RFC 5952).
 *
 * @param octets Its 4 or 16 octets.
 * @returns The address, without brackets.
 */
export function formatIpAddress(octets: Uint8Array): string {
  if (octets.length === 4) return octets.join(".");
  if (isMapped(octets)) return `::ffff:${octets.subarray(12).join(".")}`;
  const groups: string[] = [];
  for (let i = 0; i < 16; i += 2) groups.push(((octets[i]! << 8) | octets[i + 1]!).toString(16));
  // The URL parser writes IPv6 addresses as RFC 5952 wants them.
  return new URL(`http://[${groups.join(":")}]/`).hostname.slice(1, -1);
}

/**
 * What stands for a peer when peers are counted: an IPv4 address, or the /64 of an IPv6 address,
 * which is what one subscriber gets (RFC 6177).
 *
 * @param hostname The peer's address.
 * @returns The same text for the same peer; `hostname` when it is no IP address.
 */
export function addressKey(hostname: string): string {
  if (!hostname.includes(":")) return hostname;
  const octets = parseIpAddress(hostname);
  if (octets === undefined) return hostname;
  if (octets.length === 4) return octets.join(".");
  const network = new Uint8Array(16);
  network.set(octets.subarray(0, 8));
  return `${formatIpAddress(network)}/64`;
}

/** A range of addresses. */
export interface AddressRange {
  /** Any address of the range. */
  readonly octets: Uint8Array;
  /** How many of its leading bits all addresses of the range share. */
  readonly bits: number;
}

/**
 * Reads an address or a range in CIDR notation (RFC 4632 section 3.1).
 *
 * @param text `192.0.2.1`, `10.0.0.0/8`, `2001:db8::/32`.
 * @returns The range; undefined when it is neither.
 */
export function parseAddressRange(text: string): AddressRange | undefined {
  const [address = "", prefix, ...more] = text.split("/");
  const octets = parseIpAddress(address);
  // A prefix of a mapped address counts the 96 bits that were dropped.
  const dropped = octets?.length === 4 && address.includes(":") ? 96 : 0;
  const most = (octets?.length ?? 0) * 8;
  const bits = prefix === undefined
    ? most
    : /^\d{1,3}$/.test(prefix)
    ? Number(prefix) - dropped
    : -1;
  if (octets === undefined || more.length > 0 || bits < 0 || bits > most) return undefined;
  return { octets, bits };
}

/** Whether an address lies in a range. */
export function isInRange(address: Uint8Array, { octets, bits }: AddressRange): boolean {
  if (address.length !== octets.length) return false;
  const whole = bits >> 3;
  for (let i = 0; i < whole; i++) if (address[i] !== octets[i]) return false;
  const rest = 8 - (bits & 7);
  return rest === 8 || address[whole]! >> rest === octets[whole]! >> rest;
}
