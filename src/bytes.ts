// Byte helpers that every layer shares.

/** Bytes over memory of their own kind: never shared between threads, so the platform's I/O takes them. */
export type Bytes = Uint8Array<ArrayBuffer>;

/** Bytes that can be sent: a buffer, or a view of one. */
export type BinaryData = ArrayBuffer | ArrayBufferView;

/** No bytes. */
export const EMPTY: Bytes = new Uint8Array(0);

/** Views the bytes of any buffer source, without a copy. */
export function viewBytes(source: BinaryData): Uint8Array {
  if (source instanceof Uint8Array) return source;
  return ArrayBuffer.isView(source)
    ? new Uint8Array(source.buffer, source.byteOffset, source.byteLength)
    : new Uint8Array(source);
}

/**
 * Views the bytes that a caller wants to send.
 *
 * @throws {TypeError} When they are none.
 */
export function toBytes(data: BinaryData): Uint8Array {
  if (data instanceof ArrayBuffer || ArrayBuffer.isView(data)) {
    return data.byteLength === 0 ? EMPTY : viewBytes(data);
  }
  throw new TypeError(`Expected a string or bytes, got ${data === null ? "null" : typeof data}`);
}

/** Joins `parts` in one new buffer. For cold paths: the hot ones never concatenate. */
export function concat(parts: readonly Uint8Array[]): Bytes {
  let length = 0;
  for (const part of parts) length += part.length;
  const joined = new Uint8Array(length);
  let offset = 0;
  for (const part of parts) {
    joined.set(part, offset);
    offset += part.length;
  }
  return joined;
}
