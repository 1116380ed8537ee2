// A self-signed certificate for development (RFC 5280). Web Crypto makes keys, but no runtime makes
// certificates.
//
// 1. This file only writes DER, of one fixed shape, and reads nothing that a peer sent. So it needs
//    no dependency (a library for X.509 is a hundred times larger, and `openssl` is not on every
//    machine).
// 2. The certificate is no authority (no `CA: TRUE`): rustls refuses an authority as a server's
//    certificate, and a client that trusts this one trusts one server only.
// 3. Web Crypto signs to r and s of 32 octets each; X.509 wants them as a sequence of two integers
//    (RFC 3279 section 2.2.3).

import type { Bytes } from "../util/bytes.ts";
import { checkOptions, type OptionTable, texts } from "../util/check_options.ts";
import { parseIpAddress } from "../util/ip_address.ts";
import type { TlsCertificate } from "./tls.ts";

/** What a development certificate is for. */
export interface DevelopmentCertificateOptions {
  /** The names and IP addresses of the server. Default: `["localhost", "127.0.0.1", "::1"]`. */
  readonly hostnames?: readonly string[];
}

/** What each of these may be. */
export const CERTIFICATE_OPTIONS: OptionTable<DevelopmentCertificateOptions> = { hostnames: texts };

/**
 * Long enough for a day's work on a machine whose clock is off, too short to end up in production.
 */
const VALID_DAYS = 30;
const DAY = 86_400_000;

const INTEGER = 0x02;
const BIT_STRING = 0x03;
const OCTET_STRING = 0x04;
const OBJECT_IDENTIFIER = 0x06;
const UTF8_STRING = 0x0c;
const UTC_TIME = 0x17;
const GENERALIZED_TIME = 0x18;
const SEQUENCE = 0x30;
const SET = 0x31;
const DNS_NAME = 0x82; // [2], RFC 5280 section 4.2.1.6
const IP_ADDRESS = 0x87; // [7]

/** Object identifiers in their encoded form. */
const ECDSA_WITH_SHA256 = [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02];
const COMMON_NAME = [0x55, 0x04, 0x03];
const SUBJECT_ALT_NAME = [0x55, 0x1d, 0x11];
const EXTENDED_KEY_USAGE = [0x55, 0x1d, 0x25];
const SERVER_AUTH = [0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x01];
const CLIENT_AUTH = [0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x02];

const encoder = new TextEncoder();

/**
 * Makes a key (ECDSA P-256) and a self-signed certificate for 30 days, for a server on a
 * developer's machine. Nothing trusts it by itself: give it to `connect()` as `tls.ca`, or to a
 * browser by accepting its warning.
 *
 * @param options The names of the server.
 * @returns Both as PEM: what `serve()` takes as `tls`.
 * @throws {TypeError} When a name is neither a host name nor an IP address, or an option is
 * unknown.
 *
 * @example
 * ```ts
 * import { connect, createDevelopmentCertificate, serve } from "@sansocket/ws";
 *
 * const tls = await createDevelopmentCertificate();
 * await using server = await serve({ port: 0, tls, websocket: (ws) => ws.send("secret") });
 * const ws = await connect(server.url, { tls: { ca: tls.cert } });
 * console.log(await ws.receive()); // secret
 * ```
 */
export async function createDevelopmentCertificate(
  options: DevelopmentCertificateOptions = {},
): Promise<TlsCertificate> {
  checkOptions("createDevelopmentCertificate()", options, CERTIFICATE_OPTIONS);
  const { hostnames = ["localhost", "127.0.0.1", "::1"] } = options;
  const names = hostnames.map(generalName);
  if (names.length === 0) throw new TypeError("Expected at least one host name, got none");
  const algorithm = { name: "ECDSA", namedCurve: "P-256" };
  const { publicKey, privateKey } = await crypto.subtle.generateKey(algorithm, true, [
    "sign",
    "verify",
  ]);
  const spki = new Uint8Array(await crypto.subtle.exportKey("spki", publicKey));
  const body = certificateBody(names, spki, Date.now());
  const raw = await crypto.subtle.sign({ name: "ECDSA", hash: "SHA-256" }, privateKey, body);
  const certificate = der(
    SEQUENCE,
    body,
    der(SEQUENCE, identifier(ECDSA_WITH_SHA256)),
    bitString(der(SEQUENCE, ...halves(new Uint8Array(raw)).map(unsigned))),
  );
  const pkcs8 = new Uint8Array(await crypto.subtle.exportKey("pkcs8", privateKey));
  return { key: pem("PRIVATE KEY", pkcs8), cert: pem("CERTIFICATE", certificate) };
}

/** TBSCertificate (RFC 5280 section 4.1). */
function certificateBody(names: readonly Bytes[], spki: Bytes, now: number): Bytes {
  const serial = crypto.getRandomValues(new Uint8Array(16));
  // A client finds a self-signed certificate by its name: with one name twice it may try the wrong
  // key.
  const label = `Development certificate ${hex(serial.subarray(0, 4))}`;
  const commonName = der(UTF8_STRING, encoder.encode(label));
  const name = der(SEQUENCE, der(SET, der(SEQUENCE, identifier(COMMON_NAME), commonName)));
  return der(
    SEQUENCE,
    der(0xa0, der(INTEGER, Uint8Array.of(2))), // version 3
    unsigned(serial),
    der(SEQUENCE, identifier(ECDSA_WITH_SHA256)),
    name, // the issuer
    der(SEQUENCE, time(now - DAY), time(now + VALID_DAYS * DAY)),
    name, // the subject
    spki,
    der(
      0xa3,
      der(
        SEQUENCE,
        extension(SUBJECT_ALT_NAME, der(SEQUENCE, ...names)),
        extension(
          EXTENDED_KEY_USAGE,
          der(SEQUENCE, identifier(SERVER_AUTH), identifier(CLIENT_AUTH)),
        ),
      ),
    ),
  );
}

function extension(id: readonly number[], value: Bytes): Bytes {
  return der(SEQUENCE, identifier(id), der(OCTET_STRING, value));
}

/** RFC 5280 section 4.2.1.6. */
function generalName(hostname: string): Bytes {
  const bare = hostname.replace(/^\[(.*)\]$/, "$1");
  const address = parseIpAddress(bare);
  if (address !== undefined) return der(IP_ADDRESS, address.slice());
  // A name whose last label is all digits is an IPv4 address gone wrong (RFC 1123 section 2.1).
  if (/^(?:\*\.)?(?:[\w-]+\.)*[\w-]*[a-z_-][\w-]*$/i.test(bare)) {
    return der(DNS_NAME, encoder.encode(bare.toLowerCase()));
  }
  throw new TypeError(`Expected a host name or an IP address, got ${JSON.stringify(hostname)}`);
}

/** RFC 5280 section 4.1.2.5: two digits of the year until 2049. */
function time(milliseconds: number): Bytes {
  const digits = new Date(milliseconds).toISOString().replace(/[-:T]|\.\d+/g, "");
  return digits < "2050"
    ? der(UTC_TIME, encoder.encode(digits.slice(2)))
    : der(GENERALIZED_TIME, encoder.encode(digits));
}

function identifier(octets: readonly number[]): Bytes {
  return der(OBJECT_IDENTIFIER, Uint8Array.from(octets));
}

function bitString(content: Bytes): Bytes {
  return der(BIT_STRING, Uint8Array.of(0), content);
}

/** INTEGER is signed and as short as can be (X.690 8.3). */
function unsigned(octets: Bytes): Bytes {
  let start = 0;
  while (start < octets.length - 1 && octets[start] === 0) start++;
  const short = octets.subarray(start);
  return short[0]! < 0x80 ? der(INTEGER, short) : der(INTEGER, Uint8Array.of(0), short);
}

function halves(signature: Bytes): [r: Bytes, s: Bytes] {
  const middle = signature.length / 2;
  return [signature.subarray(0, middle), signature.subarray(middle)];
}

/** Tag, length, value (X.690 8.1). */
function der(tag: number, ...contents: readonly Bytes[]): Bytes {
  const length = contents.reduce((sum, content) => sum + content.length, 0);
  const octets = length < 0x80
    ? [length]
    : length < 0x100
    ? [0x81, length]
    : [0x82, length >> 8, length & 0xff];
  const result = new Uint8Array(1 + octets.length + length);
  result[0] = tag;
  result.set(octets, 1);
  let position = 1 + octets.length;
  for (const content of contents) {
    result.set(content, position);
    position += content.length;
  }
  return result;
}

function hex(octets: Uint8Array): string {
  return Array.from(octets, (octet) => octet.toString(16).padStart(2, "0")).join("");
}

/** RFC 7468. */
function pem(label: string, octets: Bytes): string {
  const lines = btoa(String.fromCharCode(...octets)).match(/.{1,64}/g) ?? [];
  return [`-----BEGIN ${label}-----`, ...lines, `-----END ${label}-----`, ""].join("\n");
}
