const FRAMING = [
  "connection",
  "content-length",
  "keep-alive",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
];

/**
 * Checks a header field that the application adds to a handshake: the fields that the handshake
 * itself is made of (RFC 6455 section 11.3) and those that frame the HTTP message cannot be set.
 *
 * @param name The field name, in any case.
 * @returns The name in lower case.
 * @throws {TypeError} When the field is reserved.
 */
export function checkNotReserved(name: string): string {
  const lower = name.toLowerCase();
  if (lower.startsWith("sec-websocket-") || FRAMING.includes(lower)) {
    throw new TypeError(`Expected a header field that the handshake does not set, got ${name}`);
  }
  return lower;
}
