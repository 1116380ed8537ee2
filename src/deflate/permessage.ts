// Messages to compressed payload and back, RFC 7692 section 7.2.
//
// 1. Each call takes one whole message. A compressed message is collected first, within the limits
//    of a message, so that inflating has one bound (rule 7 of the core) and text one validation.
// 2. The context of what is received is the last window of plain bytes (window.ts); that of what is
//    sent is the backend's.

import type { Bytes } from "../util/bytes.ts";
import type { DeflateBackend, Deflater, DeflateSettings } from "./backend.ts";
import type { DeflateParameters } from "./negotiation.ts";
import type { ResolvedCompression } from "./options.ts";
import { SlidingWindow } from "./window.ts";

/** The end of a sync flush, which is not sent (section 7.2.1 step 3). */
const TAIL_LENGTH = 4;

/** permessage-deflate on one connection. */
export class PerMessageDeflate {
  /** Messages of fewer octets are not compressed. */
  readonly threshold: number;

  /** Stands for the settings that messages are compressed with. */
  readonly settings: number;

  /** Whether a message that is received refers to nothing before it. */
  readonly independent: boolean;

  readonly #backend: DeflateBackend;
  readonly #deflateSettings: DeflateSettings;
  readonly #deflater: Deflater;
  readonly #received: SlidingWindow | undefined;

  /** The transform that was negotiated. */
  constructor(
    backend: DeflateBackend,
    { sendTakeover, sendWindowBits, receiveTakeover, receiveWindowBits }: DeflateParameters,
    { level, memoryLevel, threshold }: ResolvedCompression,
  ) {
    // An empty message does not become smaller, and zlib would answer a second flush with no octet
    // at all.
    this.threshold = Math.max(threshold, 1);
    this.#backend = backend;
    this.settings = (level << 8) | (memoryLevel << 4) | sendWindowBits;
    this.#deflateSettings = { level, memoryLevel, windowBits: sendWindowBits };
    this.#deflater = backend.createDeflater(this.#deflateSettings, sendTakeover);
    this.independent = !receiveTakeover;
    this.#received = receiveTakeover ? new SlidingWindow(receiveWindowBits) : undefined;
  }

  /** Compresses a message (section 7.2.1). */
  encode(data: Uint8Array): Bytes {
    return withoutTail(this.#deflater.deflate(data));
  }

  /** Compresses a message for any connection with the same `settings`. */
  encodeApart(data: Uint8Array): Bytes {
    return withoutTail(this.#backend.createDeflater(this.#deflateSettings, false).deflate(data));
  }

  /** Makes later messages refer to nothing that was compressed before this call. */
  forget(): void {
    this.#deflater.forget();
  }

  /** Decompresses a message (section 7.2.2). */
  decode(payload: Uint8Array, maxLength: number): Bytes | "too long" | "invalid" {
    const data = this.#backend.inflate(payload, this.#received?.dictionary, maxLength);
    if (typeof data !== "string") this.#received?.append(data);
    return data;
  }

  /** Frees what the connection no longer needs. */
  close(): void {
    this.#deflater.close();
  }
}

function withoutTail(deflated: Bytes): Bytes {
  return deflated.subarray(0, deflated.length - TAIL_LENGTH);
}
