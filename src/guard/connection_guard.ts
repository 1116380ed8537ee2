// The limits of one connection. The endpoint reports what happens, and fails the connection with
// the violation that it gets back.
//
// 1. No timers: rates are token buckets, and the heartbeat calls `check()` regularly.
// 2. All connections of the server share one endless bucket for the rates that are off.
// 3. Cost of one message (`frame()` and `message()`) while no bucket has run out: 4 to 9 ns on Node
//    and Bun, 2 to 4 ns on Deno (2 cores); 1 to 8 ns for `received()`, once for each chunk. The
//    clock is read only when a bucket is empty.

import { CloseCode } from "../protocol/close_frame.ts";
import type { Violation } from "../protocol/frame_header.ts";
import { TokenBucket } from "./token_bucket.ts";
import type { MessageTransform } from "../protocol/message_assembler.ts";
import { limitInflation } from "./inflation_limit.ts";
import { type GuardOptions, type ResolvedGuard, resolveGuard } from "./options.ts";
import type { ViolationCause } from "../protocol/violation.ts";
import { Counters } from "./stats.ts";

/**
 * Fragments of fewer octets are tiny: their frame headers and handling cost more than what they
 * carry.
 */
const TINY = 128;
/** The octets by which a message must grow within `frameTimeout`. */
const GROWTH = 1_024;

/** What all connections of a server share. */
export interface GuardSettings {
  /** The limits. */
  readonly limits: ResolvedGuard;
  /** What is counted. */
  readonly counters: Counters;
  /** Milliseconds from any fixed point. */
  readonly now: () => number;
  /** The bucket of all rates that are off. */
  readonly endless: TokenBucket;
}

/** What all connections of a server with these limits share. */
export function createGuardSettings(
  options: GuardOptions | undefined,
  now: () => number,
): GuardSettings {
  const endless = new TokenBucket(Infinity, now);
  return { limits: resolveGuard(options), counters: new Counters(), now, endless };
}

/** Judges what one peer does. */
export class ConnectionGuard {
  /** The limit that was broken, once one was. */
  violated: ViolationCause | undefined;

  readonly #settings: GuardSettings;
  readonly #counters: Counters;
  #sent = 0;
  readonly #messages: TokenBucket;
  readonly #bytes: TokenBucket;
  /** Made when they are needed; most connections never need them. */
  #controls: TokenBucket | undefined;
  #fragments: TokenBucket | undefined;

  /**
   * Data frames that have begun, and octets received: `check()` compares them with earlier values.
   */
  #frames = 0;
  #received = 0;
  /** Since when the message in progress has made no progress, and the counts at that time. */
  #receiving:
    | { readonly since: number; readonly frames: number; readonly octets: number }
    | undefined;
  /** Since when nothing of what waits has left, and how much had left then. */
  #waiting: { readonly since: number; readonly left: number } | undefined;

  /** The guard of a connection that has just opened. */
  constructor(settings: GuardSettings) {
    const { limits } = settings;
    this.#settings = settings;
    this.#counters = settings.counters;
    this.#messages = this.#bucket(limits.messagesPerSecond);
    this.#bytes = this.#bucket(limits.bytesPerSecond);
  }

  #bucket(rate: number): TokenBucket {
    const { endless, now } = this.#settings;
    return rate === Infinity ? endless : new TokenBucket(rate, now);
  }

  /** A chunk has come. */
  received(bytes: number): Violation | undefined {
    this.#received += bytes;
    this.#counters.bytesReceived += bytes;
    return this.#bytes.take(bytes) ? undefined : this.#exceeded("bytesPerSecond", "octets");
  }

  /** A message has come, or a piece of one, which `last` completes, or a control frame. */
  judge(
    event: "message" | "compressed" | "chunk" | "ping" | "pong" | "close",
    last: boolean,
  ): Violation | undefined {
    if (event === "ping" || event === "pong") return this.control();
    return event === "close" || (event === "chunk" && !last) ? undefined : this.message();
  }

  /** A message is complete. */
  message(): Violation | undefined {
    this.#counters.messagesReceived++;
    return this.#messages.take(1) ? undefined : this.#exceeded("messagesPerSecond", "messages");
  }

  /** A Ping or a Pong has come. */
  control(): Violation | undefined {
    this.#controls ??= this.#bucket(this.#settings.limits.controlFramesPerSecond);
    return this.#controls.take(1)
      ? undefined
      : this.#exceeded("controlFramesPerSecond", "control frames");
  }

  /** A data frame has begun. */
  frame(payloadLength: number, fragment: boolean): Violation | undefined {
    this.#frames++;
    if (!fragment || payloadLength >= TINY) return undefined;
    this.#fragments ??= this.#bucket(this.#settings.limits.tinyFragmentsPerSecond);
    if (this.#fragments.take(1)) return undefined;
    return this.#exceeded("tinyFragmentsPerSecond", `fragments of fewer than ${TINY} octets`);
  }

  /** A message was encoded. */
  sending(): void {
    this.#counters.messagesSent++;
  }

  /** Octets were given to the transport. */
  sent(bytes: number): void {
    this.#sent += bytes;
    this.#counters.bytesSent += bytes;
  }

  /** A message inflates to more than `maxInflateRatio` allows. */
  inflated(): void {
    this.violated ??= "maxInflateRatio";
  }

  /** The transform of the connection, within `maxInflateRatio`. */
  limit(transform: MessageTransform): MessageTransform {
    return limitInflation(transform, this.#settings.limits.maxInflateRatio, () => this.inflated());
  }

  /** Milliseconds within which the peer has to make progress. */
  get patience(): number {
    return Math.min(this.#settings.limits.frameTimeout, this.#settings.limits.stallTimeout);
  }

  /**
   * Checks that the peer makes progress; to be called several times within `patience`.
   *
   * @param receiving Whether a message or a frame has begun and not ended, and the connection is
   * being read.
   * @param waiting Octets that were sent and have not left.
   */
  check(receiving: boolean, waiting: number): Violation | undefined {
    const now = this.#settings.now();
    return this.#checkReceiving(receiving, now) ?? this.#checkWaiting(waiting, now);
  }

  #checkReceiving(receiving: boolean, now: number): Violation | undefined {
    const before = this.#receiving;
    const gotOn = this.#frames !== before?.frames || this.#received - before.octets >= GROWTH;
    if (!receiving || before === undefined || gotOn) {
      this.#receiving = receiving
        ? { since: now, frames: this.#frames, octets: this.#received }
        : undefined;
      return undefined;
    }
    const { frameTimeout } = this.#settings.limits;
    if (now - before.since < frameTimeout) return undefined;
    return this.#violate(
      "frameTimeout",
      `A message that had begun did not get on within ${frameTimeout} ms (guard.frameTimeout)`,
    );
  }

  #checkWaiting(waiting: number, now: number): Violation | undefined {
    const before = this.#waiting;
    const left = this.#sent - waiting;
    if (waiting === 0 || before === undefined || left > before.left) {
      this.#waiting = waiting === 0 ? undefined : { since: now, left };
      return undefined;
    }
    const { stallTimeout } = this.#settings.limits;
    if (now - before.since < stallTimeout) return undefined;
    return this.#violate(
      "stallTimeout",
      `${waiting} octets waited and none left within ${stallTimeout} ms (guard.stallTimeout)`,
    );
  }

  #exceeded(cause: ViolationCause, what: string): Violation {
    const limit = this.#settings.limits[cause];
    return this.#violate(cause, `More than ${limit} ${what} in a second (guard.${cause})`);
  }

  #violate(cause: ViolationCause, reason: string): Violation {
    this.violated ??= cause;
    return { code: CloseCode.policyViolation, kind: cause, reason };
  }
}
