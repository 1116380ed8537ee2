// The message at hand, and where its octets lie. An application that passes it on, to one
// connection or to many, saves work by them.
//
// 1. A text need not be encoded (1 KiB of mixed text: 4 µs on Deno, 2.6 on Node 20).
// 2. A message of 64 KiB or more that came in one chunk need not be copied, nor written in two
//    parts: the header of the answer goes where the header of the message was. That place is free,
//    and never shorter. An echo of 64 KiB takes 0.77 of the time on Deno, and 0.95 on Bun and Node.

import { type Bytes, EMPTY } from "../util/bytes.ts";
import { decodeUtf8, SHORT } from "../util/utf8.ts";

let received: string | Bytes | undefined;
let receivedIn = EMPTY;
let from = 0;
let to = 0;

/**
 * Says where the message at hand lies. The octets of a text must not change until
 * `forgetReceived()`, because the application may send the text on.
 */
export function keepReceived(
  message: string | Bytes | undefined,
  bytes: Bytes,
  start: number,
  end: number,
): void {
  received = message;
  receivedIn = bytes;
  from = start;
  to = end;
}

/** Decodes the message at hand; undefined when it is not valid UTF-8. */
export function decodeReceived(bytes: Bytes, start: number, end: number): string | undefined {
  const text = decodeUtf8(bytes, start, end);
  if (end - start > SHORT) keepReceived(text, bytes, start, end);
  return text;
}

/** Lets go of the octets of the message at hand, which may change from now on. */
export function forgetReceived(): void {
  received = undefined;
  receivedIn = EMPTY;
}

/** The octets of a text, if it is the message at hand. */
export function receivedOctets(text: string): Bytes | undefined {
  return text === received ? receivedIn.subarray(from, to) : undefined;
}

/**
 * A payload with the `length` octets of its header in front of it, if it is the message at hand and
 * they are there.
 */
export function receivedFrame(payload: Uint8Array, length: number): Bytes | undefined {
  return payload === received && from >= length
    ? receivedIn.subarray(from - length, to)
    : undefined;
}
