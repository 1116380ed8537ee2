// What `send()` makes fragments of: a Blob, or the chunks that a caller gives. They are checked as
// far as possible before anything is sent, because half a message cannot be taken back.

import { isBytes, kindOf } from "../util/brands.ts";
import type { BinaryData } from "../util/bytes.ts";
import { utf8Length } from "../util/utf8.ts";
import type { MessageSource } from "./outbox.ts";

type Chunk = string | BinaryData;

/** Octets of a Blob that are read at a time. */
const PIECE = 65_536;

/**
 * The chunks of a Blob. It does not iterate `blob.stream()`, which the types of some runtimes do
 * not allow.
 */
export async function* chunksOf(blob: Blob): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  for (let start = 0; start < blob.size; start += PIECE) {
    yield new Uint8Array(await blob.slice(start, start + PIECE).arrayBuffer());
  }
}

/**
 * The octets of all chunks of an array; 0 for any other source, which may make its chunks on
 * demand.
 */
export function knownSize(source: MessageSource): number {
  if (!Array.isArray(source)) return 0;
  return (source as Chunk[]).reduce((size, chunk) => size + chunkSize(chunk), 0);
}

/** The octets of one chunk; half a surrogate pair counts 3. */
export function chunkSize(chunk: Chunk): number {
  return typeof chunk === "string" ? utf8Length(chunk) : chunk.byteLength;
}

/**
 * Checks that a value that is neither a string nor bytes gives the chunks of one message.
 *
 * @returns The same value.
 * @throws {TypeError} When it gives no chunks, or is an array that is empty or has chunks of both
 * types.
 */
export function checkSource(data: unknown): MessageSource {
  if (typeof data !== "object" || data === null || !isIterable(data)) {
    throw new TypeError(
      `Expected a string, bytes, a Blob, a PreparedMessage or the chunks of a message, got ${
        kindOf(data)
      }; to send it as JSON, use sendJson()`,
    );
  }
  if (Array.isArray(data)) checkChunks(data);
  return data;
}

function isIterable(data: object): data is MessageSource {
  return Symbol.asyncIterator in data || Symbol.iterator in data;
}

function checkChunks(chunks: readonly unknown[]): void {
  const [first] = chunks;
  const fits = typeof first === "string" ? (chunk: unknown) => typeof chunk === "string" : isBytes;
  const wrong = chunks.findIndex((chunk) => !fits(chunk));
  if (chunks.length > 0 && wrong < 0) return;
  const kinds = wrong > 0 ? [first, chunks[wrong]] : chunks.slice(0, 1);
  const got = chunks.length === 0
    ? "an empty array"
    : `an array of ${kinds.map(kindOf).join(" and ")}`;
  throw new TypeError(
    `Expected the chunks of one message, all strings or all bytes, got ${got}; ` +
      "to send an array as JSON, use sendJson()",
  );
}
