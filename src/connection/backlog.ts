// Messages that wait to be encoded, in order, where each can still be dropped.
//
// 1. Their octets are copied and lie one behind the other (byte_queue.ts): a message that waits
//    keeps neither the caller's memory nor an object of its own. Only messages in chunks, large
//    ones prepared for many connections, and those that can be replaced are kept as they are.
// 2. Adding, taking and dropping one takes the same time however many wait: with `shift()` and
//    `splice()` on an array, 8 MB of messages of 20 octets took 23 s of CPU time.

import { isOwnUint8Array } from "../util/brands.ts";
import { ByteQueue } from "../util/byte_queue.ts";
import { EMPTY } from "../util/bytes.ts";
import { Opcode } from "../protocol/frame_header.ts";
import { contentOf, type Sendable } from "../protocol/sendable.ts";
import { receivedOctets } from "../protocol/last_received.ts";
import { Deque } from "../util/deque.ts";
import { encodeUtf8 } from "../util/utf8.ts";

/** What each message counts besides its octets: a frame header, and its place here. */
const OVERHEAD = 16;

/** What a message that is kept as it is counts besides: an object, and what belongs to it. */
const OBJECT = 512;

/** A prepared message of fewer octets is copied: kept as it is, it would take more memory. */
const KEPT_FROM = 1_024;

/** A message that waits. */
export interface WaitingMessage {
  /** Distinguishes it from a message in chunks. */
  readonly kind: "message";
  /** What to send. */
  data: Sendable;
  /** Whether it is a text. */
  readonly text: boolean;
  /** Whether to compress it. */
  readonly compress: boolean;
  /** Called when it does not wait any more. */
  left?(): void;
}

/**
 * What waits: the length of a message whose octets are in the queue, with two bits behind it, or
 * what is kept as it is.
 */
type Item<Stream> = number | WaitingMessage | Stream;

const TEXT = 2;
const COMPRESS = 1;

/** A queue of messages, some in chunks. */
export class Backlog<Stream extends { readonly kind: "stream"; readonly size: number }> {
  /** Octets that the messages count. */
  size = 0;
  readonly #octets = new ByteQueue();
  readonly #items = new Deque<Item<Stream>>();

  /** How many wait. */
  get count(): number {
    return this.#items.count;
  }

  /** Adds a message behind the others. */
  push(data: Sendable, compress: boolean): void {
    if (typeof data === "string") {
      return this.#copy(receivedOctets(data) ?? encodeUtf8(data), true, compress);
    }
    if (isOwnUint8Array(data)) return this.#copy(data, false, compress);
    const [payload, opcode, compresses] = contentOf(data);
    const text = opcode === Opcode.text;
    if (payload.length < KEPT_FROM) return this.#copy(payload, text, compress && compresses);
    this.#add({ kind: "message", data, text, compress });
  }

  /**
   * Adds what is kept as it is: a message in chunks, whose size must not change while it waits, or
   * one that can be replaced.
   */
  keep(item: Stream | WaitingMessage): void {
    this.#add(item);
  }

  /** Takes the first, if one waits. */
  shift(): WaitingMessage | Stream | undefined {
    const item = this.#next();
    if (typeof item !== "number") return item;
    const data = item < 4 ? EMPTY : this.#octets.take(Math.floor(item / 4));
    return { kind: "message", data, text: (item & TEXT) > 0, compress: (item & COMPRESS) > 0 };
  }

  /** Drops the first, and returns it if it is a message in chunks. */
  drop(): Stream | undefined {
    const item = this.#next();
    if (typeof item === "number") this.#octets.drop(Math.floor(item / 4));
    else if (item?.kind === "stream") return item;
    return undefined;
  }

  #copy(bytes: Uint8Array, text: boolean, compress: boolean): void {
    this.#octets.push(bytes);
    this.#add(bytes.length * 4 + (text ? TEXT : 0) + (compress ? COMPRESS : 0));
  }

  #add(item: Item<Stream>): void {
    this.#items.push(item);
    this.size += sizeOf(item);
  }

  #next(): Item<Stream> | undefined {
    const item = this.#items.shift();
    if (item === undefined) return undefined;
    this.size -= sizeOf(item);
    if (typeof item === "object" && item.kind === "message") item.left?.();
    return item;
  }
}

function sizeOf(item: Item<{ readonly kind: "stream"; readonly size: number }>): number {
  if (typeof item === "number") return OVERHEAD + Math.floor(item / 4);
  return OVERHEAD + OBJECT + (item.kind === "message" ? item.data.length : item.size);
}
