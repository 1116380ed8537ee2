// Strings from UTF-16 on a Node whose decoder of UTF-8 is slow (src/util/utf16.ts);
// `buffer.toString("utf16le")` copies.

import { Buffer } from "node:buffer";
import { endianness } from "node:os";
import process from "node:process";
import { decodeThroughUtf16 } from "../../src/util/utf8.ts";

/** Has texts decoded in the faster way, where this is one. */
export function chooseTextDecoder(): void {
  // Deno and Bun say that they are a Node too.
  const isNode = !("Deno" in globalThis) && !("Bun" in globalThis);
  if (!isNode || Number.parseInt(process.versions.node) >= 24 || endianness() !== "LE") return;
  const units = new Uint16Array(65_536);
  const octets = Buffer.from(units.buffer);
  decodeThroughUtf16(units, (length) => octets.toString("utf16le", 0, 2 * length));
}
