// The context that both ends share while a direction takes it over: the last plain bytes (RFC 7692
// section 7.2.1).

import { type Bytes, EMPTY } from "../util/bytes.ts";

/** The last `size` bytes of all that was appended. Memory grows with what there is to hold. */
export class SlidingWindow {
  readonly #size: number;
  #buffer: Bytes = EMPTY;
  #length = 0;

  /** @param windowBits The base-2 logarithm of the size. */
  constructor(windowBits: number) {
    this.#size = 1 << windowBits;
  }

  /** The bytes held, as a view that the next `append()` changes; undefined when there are none. */
  get dictionary(): Bytes | undefined {
    return this.#length === 0 ? undefined : this.#buffer.subarray(0, this.#length);
  }

  /** Adds bytes at the end, and forgets as many at the start as there is no room for. */
  append(bytes: Uint8Array): void {
    const size = this.#size;
    const added = bytes.length > size ? bytes.subarray(bytes.length - size) : bytes;
    const kept = Math.min(this.#length, size - added.length);
    const length = kept + added.length;
    if (length > this.#buffer.length) {
      const grown = new Uint8Array(Math.min(size, Math.max(length, this.#buffer.length * 2)));
      if (kept > 0) grown.set(this.#buffer.subarray(this.#length - kept, this.#length));
      this.#buffer = grown;
    } else if (kept < this.#length) {
      this.#buffer.copyWithin(0, this.#length - kept, this.#length);
    }
    if (added.length > 0) this.#buffer.set(added, kept);
    this.#length = length;
  }
}
