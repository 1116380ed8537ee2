// The header of the PROXY protocol, versions 1 and 2, which a load balancer sends before anything
// of the client's. https://www.haproxy.org/download/3.2/doc/proxy-protocol.txt, sections 2.1 and
// 2.2
//
// 1. It is mandatory where it is configured: "the receiver MUST be configured to only receive the
//    protocol". So a connection that does not begin with it is cut, never taken for HTTP.
// 2. It is bounded: 107 octets for version 1, as the text says; 4,096 for version 2, whose length
//    field could say 65,551.
// 3. The bytes are refused as soon as they differ from the header, so a peer that dribbles garbage
//    is cut at once.

import { type Bytes, concat, EMPTY } from "../util/bytes.ts";
import type { Address } from "../transport/transport.ts";
import { formatIpAddress, parseIpAddress } from "../util/ip_address.ts";

/** What the header said. */
export interface ProxyHeader {
  /**
   * The client's address; undefined when the header has none (LOCAL, UNSPEC, a UNIX socket): the
   * connection's own stands then.
   */
  readonly source: Address | undefined;
  /** The bytes behind the header. */
  readonly rest: Bytes;
}

/** 0d0a0d0a 000d0a51 5549540a: what no other protocol begins with (section 2.2). */
const SIGNATURE = "\r\n\r\n\0\r\nQUIT\n";
/** Section 2.1. */
const V1_START = "PROXY ";
const V1_MAX = 107;
const V2_FIXED = 16;
const V2_MAX = 4_096;
const IPV4 = 1;
const IPV6 = 2;
const STREAM = 1;

/** Reads the header from chunks of any size. */
export class ProxyHeaderParser {
  #bytes: Bytes = EMPTY;

  /** Takes a chunk; the header once it is complete, or what is wrong with it. */
  push(chunk: Bytes): ProxyHeader | { readonly fault: string } | undefined {
    const bytes = this.#bytes = this.#bytes.length === 0 ? chunk : concat([this.#bytes, chunk]);
    if (startsLike(bytes, SIGNATURE)) {
      return bytes.length < V2_FIXED ? undefined : parseVersion2(bytes);
    }
    if (startsLike(bytes, V1_START)) return parseVersion1(bytes);
    return fault("Expected the PROXY protocol");
  }
}

/** Whether the bytes are the start of the marker, or begin with it. */
function startsLike(bytes: Bytes, marker: string): boolean {
  return marker.startsWith(String.fromCharCode(...bytes.subarray(0, marker.length)));
}

function parseVersion1(bytes: Bytes): ProxyHeader | { readonly fault: string } | undefined {
  const end = bytes.subarray(0, V1_MAX).indexOf(10);
  if (end < 0) {
    return bytes.length < V1_MAX ? undefined : fault(`A line of more than ${V1_MAX} octets`);
  }
  const line = String.fromCharCode(...bytes.subarray(0, end + 1));
  const rest = bytes.subarray(end + 1);
  // "UNKNOWN": the receiver must ignore anything presented before the CRLF.
  if (/^PROXY UNKNOWN(?: [^\r\n]*)?\r\n$/.test(line)) return { source: undefined, rest };
  const match = /^PROXY (TCP4|TCP6) ([\da-fA-F.:]+) ([\da-fA-F.:]+) (\d{1,5}) (\d{1,5})\r\n$/
    .exec(line);
  const [, family, source = "", destination = "", sourcePort = "", destinationPort = ""] = match ??
    [];
  const valid =
    [source, destination].every((address) =>
      parseIpAddress(address) !== undefined && address.includes(":") === (family === "TCP6")
    ) && [sourcePort, destinationPort].every((port) =>
      /^(?:0|[1-9]\d*)$/.test(port) && +port < 65536
    );
  if (!valid) return fault("A PROXY line that is not valid");
  return { source: { hostname: source.toLowerCase(), port: Number(sourcePort) }, rest };
}

function parseVersion2(bytes: Bytes): ProxyHeader | { readonly fault: string } | undefined {
  const [version, command] = [bytes[12]! >> 4, bytes[12]! & 15];
  if (version !== 2) return fault(`Expected version 2, got ${version}`);
  if (command > 1) return fault(`Expected command LOCAL or PROXY, got ${command}`);
  const [family, transport] = [bytes[13]! >> 4, bytes[13]! & 15];
  if (family > 3 || transport > 2) return fault("Expected a known address family and transport");
  const length = (bytes[14]! << 8) | bytes[15]!;
  const end = V2_FIXED + length;
  if (end > V2_MAX) return fault(`Expected at most ${V2_MAX} octets, got ${end}`);
  const size = family === IPV4 ? 4 : family === IPV6 ? 16 : 0;
  const known = command === 1 && transport === STREAM && size > 0;
  // Both addresses and both ports; what follows them are TLVs, of which none is needed.
  if (known && length < 2 * size + 4) {
    return fault(`Expected ${2 * size + 4} octets, got ${length}`);
  }
  if (bytes.length < end) return undefined;
  const rest = bytes.subarray(end);
  if (!known) return { source: undefined, rest };
  const port = V2_FIXED + 2 * size;
  return {
    source: {
      hostname: formatIpAddress(bytes.subarray(V2_FIXED, V2_FIXED + size)),
      port: (bytes[port]! << 8) | bytes[port + 1]!,
    },
    rest,
  };
}

function fault(reason: string): { readonly fault: string } {
  return { fault: reason };
}
