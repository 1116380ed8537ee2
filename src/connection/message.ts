// The type of a message that was received, and how a program waits for one.

/**
 * A message: a text is a string, a binary message its bytes.
 *
 * The bytes are yours, to read and to write. They may be a view on the chunk that they came in,
 * with other messages of the same connection before and behind them, and begin at any offset of its
 * buffer. So:
 *
 * - keep a `slice()` of a small message that is to live long: the view keeps the whole chunk in
 *   memory;
 * - read numbers by `new DataView(data.buffer, data.byteOffset, data.byteLength)`, not by `new
 *   Float32Array(data.buffer)`;
 * - transfer the buffer of a `slice()`. Transferring `data.buffer` also takes away the messages
 *   around it. If some of them have not been given out yet, the connection fails with 1011, and the
 *   error is reported.
 *
 * With the option `ownBuffers` each message has a buffer of its own, and none of this matters.
 */
export type Message = string | Uint8Array<ArrayBuffer>;

/** How long to wait for a message. */
export interface ReceiveOptions {
  /**
   * Ends the wait: the call rejects with its reason, and the message is left for the next call.
   * Default: none.
   */
  readonly signal?: AbortSignal;
  /**
   * Milliseconds to wait: then the call resolves with undefined, and the message is left for the
   * next call. Default: Infinity.
   */
  readonly timeout?: number;
}
