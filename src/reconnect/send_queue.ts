// What a connection that comes back has to send, and what became of it.
//
// 1. A message goes to the connection of now when nothing waits before it and the connection has
//    less than 64 KiB to send; else it waits here. So order holds, and a slow peer or an outage is
//    met by one rule, the option `queue`.
// 2. A message counts once: in `sent` when a connection gets it, in `dropped` when it never will,
//    in `refused` when its promise rejects. Those in `unconfirmed` are some of `sent`.
// 3. A message is confirmed when a Ping behind it is answered, or this end's Close frame: the peer
//    has read it then. A Close frame of the peer confirms nothing: what crossed with it is
//    discarded there (RFC 6455 section 1.4).
// 4. With `resend`, what is not confirmed is kept, and sent again on the next connection, in order.
// 5. A message in chunks cannot be kept. Nothing is handed over behind one that is being sent,
//    because a Ping may pass between its chunks and would confirm what waits behind them.

import { isBytes } from "../util/brands.ts";
import { copyBytes } from "../util/bytes.ts";
import type { Timers } from "../util/clock.ts";
import { Deque } from "../util/deque.ts";
import { defer, type Deferred, handled, RESOLVED } from "../util/promises.ts";
import { type CloseInfo, ConnectionClosed } from "../protocol/errors.ts";
import type { SendOptions } from "../protocol/sendable.ts";
import type { ClientConnection } from "./client_connection.ts";
import { MessageRefused, type MessageRefusedCode, tooMuch } from "./message_refused.ts";

/** What happens to a message that cannot be sent now. */
export type QueuePolicy = "wait" | "drop-oldest" | "drop-newest" | "refuse";

/** A message as it was given. */
export interface Outgoing {
  /** What goes to `send()` of a connection. */
  data: unknown;
  /** How to send it. */
  readonly options: SendOptions | undefined;
  /** Its octets; undefined for a Blob and for chunks, which cannot be kept. */
  readonly size: number | undefined;
}

/** What a queue is made with. */
export interface QueueSettings {
  /** What happens to a message that cannot be sent now. */
  readonly queue: QueuePolicy;
  /** Octets that may wait. */
  readonly maxQueuedAmount: number;
  /** Whether what is not confirmed is sent again. */
  readonly resend: boolean;
}

/** A message that waits. */
interface Waiting extends Outgoing {
  /** Settles as `send()` of the connection does, for a message in chunks. */
  readonly settled?: Deferred<void>;
  /** Whether a connection that was lost has had it. */
  readonly handed?: true;
}

/** A message that waits above the mark, and the promise that resolves once it is below. */
interface Above {
  /** Where it ends, in octets since the beginning. */
  readonly end: number;
  readonly below: Deferred<void>;
}

/** What each message counts besides its octets. */
const OVERHEAD = 16;
/** A connection that has this much to send gets no more. */
const MARK = 65_536;
/** Milliseconds from a message to the Ping that confirms it. */
const CONFIRM_AFTER = 1_000;
/** Milliseconds between two looks at a connection that is busy with what others gave it. */
const LOOK_AGAIN = 50;

/** The sender of a connection that comes back. */
export class SendQueue {
  /** Messages that a connection got. */
  sent = 0;
  /** Messages that never will be sent. */
  dropped = 0;
  /** Messages of `sent` that the peer may not have read. */
  unconfirmed = 0;
  /** Messages that were not taken. */
  refused = 0;
  /** Called when nothing waits any more. */
  onEmpty: (() => void) | undefined;

  readonly #clock: Timers;
  readonly #settings: QueueSettings;
  #link: ClientConnection | undefined;
  #ended: CloseInfo | undefined;
  #waiting = new Deque<Waiting>();
  #waitingSize = 0;
  readonly #above = new Deque<Above>();
  /** Octets that have ever waited. */
  #added = 0;
  /** What the connection of now got, and how much of that is confirmed. */
  #handed = 0;
  #confirmed = 0;
  /** With `resend`, what is not confirmed. */
  #kept = new Deque<Waiting>();
  #keptSize = 0;
  /** The message in chunks that is being sent. */
  #stream: Outgoing | undefined;
  /** Whether a promise of the connection will call `#pump()`. */
  #draining = false;
  #lookTimer: unknown;
  #confirmTimer: unknown;
  #pinging = false;

  /** A queue whose waits go by `clock`. */
  constructor(settings: QueueSettings, clock: Timers) {
    this.#settings = settings;
    this.#clock = clock;
  }

  /** Octets that wait here; each message counts 16 more. */
  get size(): number {
    return this.#waitingSize + this.#keptSize;
  }

  /** Whether nothing waits for a connection. */
  get empty(): boolean {
    return this.#waiting.count === 0 && this.#stream === undefined;
  }

  /** Sends a message now or later. */
  send(message: Outgoing): Promise<void> {
    if (this.#ended !== undefined) {
      this.refused++;
      return handled(Promise.reject(new ConnectionClosed(this.#ended)));
    }
    if (this.#waiting.count === 0 && this.#takes(message)) {
      const link = this.#link!;
      const promise = this.#hand(link, message);
      if (message.size === undefined) return handled(promise);
      // A copy that alone is above the mark.
      if (this.#keptSize > this.#settings.maxQueuedAmount) return this.#whenBelow();
      if (message.size < MARK && link.bufferedAmount < MARK) return RESOLVED;
      return promise.then(undefined, () => {});
    }
    return this.#enqueue(message);
  }

  #enqueue(message: Outgoing): Promise<void> {
    const { queue, maxQueuedAmount } = this.#settings;
    if (this.#link === undefined) {
      if (message.size === undefined) {
        return this.#refuse(
          "ENOTCONN",
          "There is no connection now, and a message in chunks cannot wait for one",
        );
      }
      if (queue === "refuse") return this.#refuse("ENOTCONN", "There is no connection now");
    }
    const size = sizeOf(message);
    // One that would not fit even alone drops nothing but itself.
    if (queue === "drop-oldest" && this.#keptSize + size <= maxQueuedAmount) {
      while (this.size + size > maxQueuedAmount && this.#waiting.count > 0) this.#drop();
    }
    const drops = queue === "drop-oldest" || queue === "drop-newest";
    if (this.size + size > maxQueuedAmount * (drops ? 1 : 2)) {
      if (!drops) return this.#refuse("ENOBUFS", tooMuch(size, this.size, maxQueuedAmount));
      this.dropped++;
      return RESOLVED;
    }
    const settled = message.size === undefined ? defer<void>() : undefined;
    this.#waiting.push({ ...owned(message), ...(settled && { settled }) });
    this.#waitingSize += size;
    this.#added += size;
    if (this.#link !== undefined) this.#pump();
    if (settled !== undefined) return settled.promise;
    return this.size <= maxQueuedAmount ? RESOLVED : this.#whenBelow();
  }

  /** Resolves when no more than the mark waits, up to the message that came last. */
  #whenBelow(): Promise<void> {
    const below = defer<void>();
    this.#above.push({ end: this.#added, below });
    return below.promise;
  }

  #refuse(code: MessageRefusedCode, message: string): Promise<void> {
    this.refused++;
    return handled(Promise.reject(new MessageRefused(code, message)));
  }

  /** The first message that waits is given up. */
  #drop(): void {
    const message = this.#shift();
    if (message?.handed) {
      this.sent++;
      this.unconfirmed++;
    } else this.dropped++;
    message?.settled?.resolve();
  }

  #shift(): Waiting | undefined {
    const first = this.#waiting.shift();
    if (first !== undefined) this.#waitingSize -= sizeOf(first);
    return first;
  }

  /** Whether the connection of now takes a message. */
  #takes(message: Outgoing): boolean {
    const link = this.#link;
    if (link === undefined || link.state !== "open" || this.#stream !== undefined) return false;
    if (link.bufferedAmount >= MARK) return false;
    return this.#kept.count === 0 ||
      this.#keptSize + sizeOf(message) <= this.#settings.maxQueuedAmount;
  }

  /** Gives a message to the connection; throws what `send()` throws. */
  #hand(link: ClientConnection, message: Waiting): Promise<void> {
    const { resend } = this.#settings;
    const kept: Waiting = resend ? { ...owned(message), handed: true } : message;
    const promise = link.send(kept.data as never, message.options);
    this.sent++;
    this.#handed++;
    if (resend) {
      this.#kept.push(kept);
      this.#keptSize += sizeOf(kept);
    }
    if (message.size === undefined) this.#follow(message, promise);
    else if (link.bufferedAmount >= MARK) {
      this.#draining = true;
      const drained = (): void => {
        if (this.#link !== link) return;
        this.#draining = false;
        this.#pump();
      };
      promise.then(drained, drained);
    }
    this.#confirm();
    return promise;
  }

  /** A message in chunks is being sent. */
  #follow(message: Waiting, promise: Promise<void>): void {
    this.#stream = message;
    const over = (error?: Error): void => {
      if (this.#stream === message) {
        if (error !== undefined) this.#broken();
        this.#stream = undefined;
        this.#pump();
      }
      if (error === undefined) message.settled?.resolve();
      else message.settled?.reject(error);
    };
    promise.then(() => over(), over);
  }

  /** The promise of a message in chunks rejects: its sender knows that it was not sent. */
  #broken(): void {
    this.sent--;
    this.#handed--;
    this.refused++;
  }

  /** Hands over what waits, as far as the connection takes it. */
  #pump(): void {
    const link = this.#link;
    for (;;) {
      const { first } = this.#waiting;
      if (first === undefined || link === undefined || !this.#takes(first)) break;
      this.#shift();
      try {
        handled(this.#hand(link, first));
      } catch (error) {
        // Only chunks are first judged here; other messages were judged when they came.
        this.refused++;
        first.settled?.reject(error as Error);
      }
    }
    this.#release();
    if (this.empty) this.onEmpty?.();
    else if (link?.state === "open" && link.bufferedAmount >= MARK && !this.#draining) {
      this.#lookTimer ??= this.#clock.setTimer(
        () => {
          this.#lookTimer = undefined;
          this.#pump();
        },
        LOOK_AGAIN,
        "a connection to have less to send",
      );
    }
  }

  /** Resolves the promises of the messages that are below the mark now. */
  #release(): void {
    const gone = this.#added - this.#waitingSize;
    for (;;) {
      const { first } = this.#above;
      if (first === undefined) return;
      if (first.end - gone + this.#keptSize > this.#settings.maxQueuedAmount) return;
      this.#above.shift();
      first.below.resolve();
    }
  }

  /** There is a connection. */
  opened(link: ClientConnection): void {
    this.#link = link;
    this.#handed = this.#confirmed = 0;
    this.#draining = false;
    this.#pump();
  }

  /** The connection has ended. */
  lost(info: CloseInfo): void {
    this.#link = undefined;
    this.#pinging = false;
    this.#clock.clearTimer(this.#confirmTimer);
    this.#clock.clearTimer(this.#lookTimer);
    this.#confirmTimer = this.#lookTimer = undefined;
    if (this.#stream !== undefined) this.#broken();
    this.#stream = undefined;
    if (isAnswered(info)) this.#keep(new Deque());
    else if (this.#settings.resend) this.#again();
    else this.unconfirmed += this.#handed - this.#confirmed;
    this.#handed = this.#confirmed = 0;
    this.#refuseStreams();
    this.#release();
  }

  #keep(kept: Deque<Waiting>): void {
    this.#kept = kept;
    this.#keptSize = 0;
  }

  /** What is not confirmed waits again, before what waits already. */
  #again(): void {
    const again = this.#kept;
    this.sent -= again.count;
    this.#waitingSize += this.#keptSize;
    this.#keep(new Deque());
    for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) {
      again.push(next);
    }
    this.#waiting = again;
  }

  /** Messages in chunks that wait cannot wait for another connection. */
  #refuseStreams(): void {
    for (let left = this.#waiting.count; left > 0; left--) {
      const message = this.#shift()!;
      if (message.settled === undefined) {
        this.#waiting.push(message);
        this.#waitingSize += sizeOf(message);
        continue;
      }
      this.refused++;
      message.settled.reject(
        new MessageRefused("ENOTCONN", "The connection was lost before the turn of this message"),
      );
    }
  }

  /** No connection comes any more. What waits is dropped. */
  end(info: CloseInfo): void {
    this.#ended = info;
    while (this.#waiting.count > 0) this.#drop();
    const error = new ConnectionClosed(info);
    for (let next = this.#above.shift(); next !== undefined; next = this.#above.shift()) {
      next.below.reject(error);
    }
  }

  /**
   * A Ping is being sent.
   *
   * @returns What to call when it is answered.
   */
  mark(link: ClientConnection): () => void {
    const upTo = this.#handed - (this.#stream === undefined ? 0 : 1);
    return () => {
      if (link !== this.#link) return;
      for (; this.#confirmed < upTo; this.#confirmed++) {
        const message = this.#kept.shift();
        if (message !== undefined) this.#keptSize -= sizeOf(message);
      }
      this.#pump();
    };
  }

  /** Sees to it that a Ping follows what was handed over, where there are Pings. */
  #confirm(): void {
    const link = this.#link;
    if (link?.ping === undefined || this.#pinging || this.#confirmTimer !== undefined) return;
    const ping = (): void => {
      this.#confirmTimer = undefined;
      if (this.#link !== link || this.#confirmed === this.#handed) return;
      this.#pinging = true;
      const answered = (): void => {
        if (this.#link !== link) return;
        this.#pinging = false;
        if (this.#confirmed < this.#handed) this.#confirm();
      };
      link.ping?.().then(answered, () => {});
    };
    if (this.#settings.resend) ping();
    else this.#confirmTimer = this.#clock.setTimer(ping, CONFIRM_AFTER, "a Ping that confirms");
  }
}

/** Whether the peer has answered a Close frame of this end, and not sent its own before. */
function isAnswered({ wasClean, initiator, sent, received }: CloseInfo): boolean {
  return wasClean && initiator === "local" && sent?.code === received?.code;
}

function sizeOf({ size = 0 }: Outgoing): number {
  return size + OVERHEAD;
}

/** A message that its sender cannot change any more. */
function owned(message: Waiting): Waiting {
  const { data } = message;
  return isBytes(data) ? { ...message, data: copyBytes(data) } : message;
}
