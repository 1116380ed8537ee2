// Strings from UTF-16 on a Node whose decoder of UTF-8 is slow (src/util/utf16.ts);
// `buffer.toString("utf16le")` copies.

import { Buffer } from "node:buffer";
import { decodeThroughUtf16 } from "../../src/util/utf8.ts";

/** Has texts decoded in the faster way, where this is one. */
export function chooseTextDecoder(): void {
  // Deno and Bun say that they are a Node too.
  const isNode = !("Deno" in globalThis) && !("Bun" in globalThis);
  if (!isNode || Number.parseInt(globalThis.process.versions.node) >= 24) return;
  const units = new Uint16Array(65_536);
  const octets = Buffer.from(units.buffer);
  // Only where units are little-endian in memory, as `utf16le` is.
  units[0] = 1;
  if (octets[0] !== 1) return;
  decodeThroughUtf16(units, (length) => octets.toString("utf16le", 0, 2 * length));
}
