// The suite's own permessage-deflate (RFC 7692 section 7.2) over node:zlib, one call for each message.
//
// 1. A dictionary of the last window of plain octets is what keeps a context between calls.
// 2. zlib looks at a window only when its output is full, so a distance that is too far would pass
//    in one large output. The first octets of a case are inflated in steps of 64, which finds it. No
//    distance is too far for the largest window, so there the steps are left out.

import { Buffer } from "node:buffer";
import { constants, deflateRawSync, inflateRawSync } from "node:zlib";

/** The parameters of one direction. */
export interface Direction {
  /** Whether each message is compressed on its own (section 7.1.1). */
  readonly noContextTakeover: boolean;
  /** The base-2 logarithm of the window (section 7.1.2). */
  readonly maxWindowBits: number;
}

const TAIL = Buffer.from([0x00, 0x00, 0xff, 0xff]);
const EMPTY = Buffer.alloc(0);

/** The octets of a case that are inflated in small steps. */
const STRICT_OCTETS = 262_144;

/** What went before, as far back as a window reaches. */
class History {
  bytes: Buffer = EMPTY;
  readonly #direction: Direction;

  constructor(direction: Direction) {
    this.#direction = direction;
  }

  add(plain: Buffer): void {
    if (this.#direction.noContextTakeover) return;
    const size = 2 ** this.#direction.maxWindowBits;
    this.bytes = plain.length >= size ? plain.subarray(plain.length - size) : Buffer.concat([
      this.bytes.subarray(Math.max(0, this.bytes.length + plain.length - size)),
      plain,
    ]);
  }
}

/** Compresses messages. */
export class Compressor {
  readonly #direction: Direction;
  readonly #history: History;

  constructor(direction: Direction) {
    this.#direction = direction;
    this.#history = new History(direction);
  }

  /** The payload of one message (section 7.2.1). */
  compress(plain: Buffer): Buffer {
    const { bytes } = this.#history;
    const deflated = deflateRawSync(plain, {
      // zlib takes 8 for 9 here; it keeps 262 octets off a window, so even then none is too far.
      windowBits: this.#direction.maxWindowBits,
      finishFlush: constants.Z_SYNC_FLUSH,
      ...(bytes.length > 0 ? { dictionary: bytes } : {}),
    });
    this.#history.add(plain);
    return deflated.subarray(0, deflated.length - TAIL.length);
  }

  /**
   * The payloads of messages that repeat with a period. Behind the first turn the window holds the same octets
   * each time, so the payloads of the second turn serve for all that follow.
   */
  compressCycle(plain: readonly Buffer[], count: number): Buffer[] {
    const period = plain.length;
    const payloads: Buffer[] = [];
    for (let index = 0; index < count; index++) {
      payloads.push(
        index < 2 * period
          ? this.compress(plain[index % period]!)
          : payloads[period + (index % period)]!,
      );
    }
    return payloads;
  }
}

/** Decompresses messages, and holds the sender to what was negotiated. */
export class Decompressor {
  readonly #direction: Direction;
  readonly #history: History;
  /** The octets that are still to be inflated in small steps. */
  #strict: number;

  constructor(direction: Direction) {
    this.#direction = direction;
    this.#strict = direction.maxWindowBits < 15 ? STRICT_OCTETS : 0;
    this.#history = new History(direction);
  }

  /**
   * The message of a payload (section 7.2.2).
   *
   * @throws {Error} When it is not DEFLATE, or reaches back further than was negotiated.
   */
  decompress(payload: Buffer): Buffer {
    const { bytes } = this.#history;
    const plain = inflateRawSync(Buffer.concat([payload, TAIL]), {
      windowBits: this.#direction.maxWindowBits,
      finishFlush: constants.Z_SYNC_FLUSH,
      ...(bytes.length > 0 ? { dictionary: bytes } : {}),
      ...(this.#strict > 0 ? { chunkSize: 64 } : {}),
    });
    this.#strict -= plain.length;
    this.#history.add(plain);
    return plain;
  }
}
