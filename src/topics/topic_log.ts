// A topic with history in a process that has joined it: what comes live, and what is read from the
// store where something is missing.
//
// 1. Each message names its offset and the one before it. One that follows what was delivered last
//    is delivered; one that came already is dropped. Otherwise there is a hole: what comes live
//    waits, and what is missing is read from the store and delivered first. So it is after each
//    outage. What the store does not have any more is told as a gap.
// 2. What waits is bounded. Beyond that nothing is kept: it is read from the store, too.
// 3. The history is read once for all connections that come back within a second: it is kept for
//    that long, and what is delivered meanwhile is added. While it is read, what is delivered is
//    kept, since it may be newer than what was read. Where more came than is kept, it is read on
//    from there, until as much has come as the history holds.
// 4. The first message after joining is the base, unless a history was read before it: then what is
//    between them is missing.

import type { RecoveryReason, TopicPosition } from "../connection/publishing.ts";
import type { Dispatcher } from "../connection/dispatcher.ts";
import type { Clock, Deadline } from "../util/clock.ts";
import type { StoredPosition } from "./backplane.ts";
import { type KeptMessage, type Recovery, select, type Since, UNAVAILABLE } from "./history.ts";
import type { Rule } from "./history_rules.ts";
import { extend, type LogPage, type OpenWindow, type StoredMessage } from "./log_window.ts";

/** The most messages, and octets of them, that wait or are kept while the store is read. */
const [MOST, BOUND] = [1_000, 1_048_576];
/** Milliseconds for which a history that was read is kept. */
const KEPT = 1_000;
/** Milliseconds until a read that has failed is tried again. */
const RETRY = 1_000;
/** How often a hole is looked for in the store before it counts as lost. */
const TRIES = 3;

/** A message that comes live. */
export interface LiveMessage extends StoredMessage {
  /** Its place, and that of the one before it. */
  readonly position: StoredPosition;
}

/** What a log needs. */
export interface LogSource {
  /** Tells the time. */
  readonly clock: Clock;
  /** Whether offsets count 1, 2, 3. */
  readonly consecutive: boolean;
  /** Counts of the relay. */
  readonly counts: { repeated: number; filled: number };
  /** Reads from the store. Settles in time. */
  read(topic: string, rule: Rule, after: number | undefined, limit: number): Promise<LogPage>;
  /** Delivers to the subscribers. */
  deliver(topic: string, message: KeptMessage, except: Dispatcher | undefined): void;
  /** Tells of messages that are lost. */
  gap(topic: string, missed: number, reason: RecoveryReason): void;
  /** Reports why the store could not be read. */
  refused(error: unknown): void;
}

/** A connection that waits for the history. */
interface Reader {
  readonly since: Since;
  readonly settle: (recovery: Recovery) => void;
  /** Whether nothing behind its position has gone, where that had to be asked for. */
  readonly complete?: boolean;
}

/** A topic with history. */
export class TopicLog implements Deadline {
  readonly waits = "a history that was read";
  readonly #topic: string;
  readonly #rule: Rule;
  readonly #source: LogSource;
  /** Where the last message was that was delivered; undefined before the first. */
  #position: TopicPosition | undefined;
  /** Up to where the history was read when nothing had been delivered. */
  #base: TopicPosition | undefined;
  /** Changes with each outage: what was begun before has no effect after it. */
  #turn = 0;
  /** Whether a hole is being filled. */
  #filling = false;
  /** Holes that were looked for since a message could be delivered. */
  #tries = 0;
  /** What has come live meanwhile. */
  readonly #waiting = new Bounded<LiveMessage>();
  /** Connections that wait for the history. */
  #readers: Reader[] = [];
  /** Whether it is being read. */
  #reading = false;
  /** What was delivered meanwhile. */
  readonly #recent = new Bounded<KeptMessage>();
  /** What was read within the last second, with what was delivered since. */
  #window: OpenWindow | undefined;

  /** A topic of which nothing has come. */
  constructor(topic: string, rule: Rule, source: LogSource) {
    this.#topic = topic;
    this.#rule = rule;
    this.#source = source;
  }

  /** A message has come. */
  receive(message: LiveMessage): void {
    if (this.#filling) this.#waiting.push(message, message.kept.length);
    else if (!this.#take(message)) {
      this.#waiting.push(message, message.kept.length);
      void this.#fill();
    }
  }

  /** A publisher says which message was its last. */
  remind({ epoch, offset }: TopicPosition): void {
    const position = this.#position ?? this.#base;
    if (position === undefined || this.#filling) return;
    if (position.epoch !== epoch || position.offset < offset) void this.#fill();
  }

  /** The topic is joined, perhaps again. */
  joined(): void {
    if ((this.#position ?? this.#base) !== undefined && !this.#filling) void this.#fill();
    else this.#read();
  }

  /** The broker is away, or the topic was left. */
  lost(): void {
    this.#turn++;
    this.#filling = this.#reading = false;
    this.#waiting.clear();
    this.#recent.clear();
    this.#forget();
    this.#settle(UNAVAILABLE);
  }

  /** What a connection gets that comes back: calls back at once, or when it was read. */
  recover(since: Since, settle: (recovery: Recovery) => void): void {
    this.#serve({ since, settle });
  }

  /** Implements {@linkcode Deadline}: what was read is too old. */
  late(): void {
    this.#window = undefined;
  }

  #forget(): void {
    if (this.#window !== undefined) this.#source.clock.stopDeadline(this, KEPT);
    this.#window = undefined;
  }

  /** Delivers a message, or drops it if it came already. False when it shows a hole. */
  #take({ kept, position: { epoch, offset, previous }, except }: LiveMessage): boolean {
    const last = this.#position;
    if (last !== undefined) {
      if (last.epoch !== epoch || previous > last.offset) return false;
      if (offset <= last.offset) {
        this.#source.counts.repeated++;
        return true;
      }
    } else if (this.#base !== undefined) {
      if (this.#base.epoch !== epoch || previous > this.#base.offset) return false;
    }
    this.#tries = 0;
    this.#deliver(kept, except);
    return true;
  }

  #deliver(kept: KeptMessage, except: Dispatcher | undefined): void {
    this.#position = kept.position;
    if (this.#reading) this.#recent.push(kept, kept.length);
    const window = this.#window;
    if (window !== undefined && kept.position.offset > window.last) {
      window.messages.push(kept);
      window.last = kept.position.offset;
      if (window.messages.length > this.#rule.size + MOST) this.#forget();
    }
    this.#source.deliver(this.#topic, kept, except);
  }

  /** Reads what is missing behind the last message, and delivers it and what has come meanwhile. */
  async #fill(): Promise<void> {
    const turn = this.#turn;
    this.#filling = true;
    this.#position ??= this.#base;
    let tries = 0;
    while (true) {
      try {
        const { offset } = this.#position!;
        const page = await this.#source.read(this.#topic, this.#rule, offset, this.#rule.size);
        if (turn !== this.#turn) return;
        if (this.#apply(page)) break;
        // What was delivered may have led to an outage.
        if (turn !== this.#turn) return;
      } catch (error) {
        if (turn !== this.#turn) return;
        this.#source.refused(error);
        if (++tries === TRIES) {
          this.#skip("unavailable");
          break;
        }
        await this.#sleep(RETRY);
        if (turn !== this.#turn) return;
      }
    }
    this.#drain(turn);
  }

  /** Delivers what was read. False when there is more to read. */
  #apply(page: LogPage): boolean {
    const { consecutive, counts } = this.#source;
    const last = this.#position!;
    if (page.epoch !== last.epoch || page.offset < last.offset) {
      const anew = page.epoch !== last.epoch;
      this.#gap(0, "epoch");
      // A store that has come back with older data goes on from there.
      this.#position = { epoch: page.epoch, offset: anew ? 0 : page.offset };
      return !anew || page.offset === 0;
    }
    const turn = this.#turn;
    if (!page.complete) {
      const first = page.messages[0]?.kept.position.offset ?? page.offset + 1;
      this.#gap(consecutive ? first - last.offset - 1 : 1, "expired");
    }
    for (const { kept, except } of page.messages) {
      if (turn !== this.#turn) return false;
      counts.filled++;
      this.#deliver(kept, except);
    }
    if (this.#position!.offset < page.end) {
      this.#position = { epoch: page.epoch, offset: page.end };
    }
    return page.end >= page.offset;
  }

  /** Delivers what has come meanwhile. */
  #drain(turn: number): void {
    let overran: boolean;
    do {
      overran = this.#waiting.overran;
      const waiting = this.#waiting.clear();
      for (const [i, message] of waiting.entries()) {
        if (turn !== this.#turn) return;
        // It is of an epoch that was over when the store was read, or began after that.
        const other = message.position.epoch !== this.#position?.epoch;
        if (other) this.#source.counts.repeated++;
        if (other || this.#take(message)) continue;
        for (const one of [...waiting.slice(i), ...this.#waiting.clear()]) {
          this.#waiting.push(one, one.kept.length);
        }
        if (++this.#tries < TRIES) return void this.#fill();
        this.#skip("unavailable");
        break;
      }
    } while (this.#waiting.list.length > 0);
    if (turn !== this.#turn) return;
    if (overran) return void this.#fill();
    this.#filling = false;
    this.#read();
  }

  /** Goes on with what waits, though the store does not have what is missing before it. */
  #skip(reason: RecoveryReason): void {
    const [first] = this.#waiting.list;
    const last = this.#position!;
    this.#tries = 0;
    if (first === undefined) return this.#gap(0, reason);
    const { epoch, previous } = first.position;
    const counts = this.#source.consecutive && epoch === last.epoch;
    this.#gap(counts ? previous - last.offset : 1, reason);
    this.#position = { epoch, offset: previous };
  }

  #gap(missed: number, reason: RecoveryReason): void {
    // What was read does not reach up to what comes next.
    this.#forget();
    this.#recent.overran = true;
    this.#source.gap(this.#topic, missed, reason);
  }

  #serve(reader: Reader): void {
    const window = this.#window;
    if (window === undefined) {
      this.#readers.push(reader);
      return this.#read();
    }
    const { since, settle, complete } = reader;
    const { consecutive } = this.#source;
    const known = consecutive || !("offset" in since) || since.epoch !== window.epoch ||
      since.offset >= window.gone || since.offset > window.last;
    if (!known && complete === undefined) return void this.#ask(reader, since.offset);
    const live = this.#position !== undefined && this.#position.offset >= window.last;
    settle(select(complete ? { ...window, gone: 0 } : window, since, live));
  }

  /** Asks the store whether something behind a position has gone. */
  async #ask({ since, settle }: Reader, offset: number): Promise<void> {
    const turn = this.#turn;
    try {
      const { complete } = await this.#source.read(this.#topic, this.#rule, offset, 1);
      if (turn === this.#turn) this.#serve({ since, settle, complete });
      else settle(UNAVAILABLE);
    } catch {
      settle(UNAVAILABLE);
    }
  }

  /** Reads the history for those that wait for it, unless that is under way. */
  #read(): void {
    if (this.#readers.length > 0 && !this.#reading && !this.#filling) void this.#readAll();
  }

  /** Reads the history, and on from there until it has what was delivered meanwhile. */
  async #readAll(): Promise<void> {
    const turn = this.#turn;
    const source = this.#source;
    const { size } = this.#rule;
    let window: OpenWindow | undefined;
    // Ends it where the whole history has been replaced meanwhile, and more has come again.
    let further = 0;
    let overran: boolean;
    this.#reading = true;
    this.#recent.clear();
    do {
      let page: LogPage | undefined;
      try {
        // With one more than is kept, a page is full only when there is more to read.
        page = await source.read(this.#topic, this.#rule, window?.last, size + 1);
      } catch (error) {
        if (turn === this.#turn) source.refused(error);
      }
      if (turn !== this.#turn) return;
      overran = this.#recent.overran;
      const recent = this.#recent.clear();
      const last = this.#position ?? this.#base;
      if (page === undefined || (last !== undefined && last.epoch !== page.epoch)) {
        this.#reading = false;
        if (page === undefined) this.#settle(UNAVAILABLE);
        // What is delivered here is of another epoch: once that has been told, it is read again.
        else if (!this.#filling) void this.#fill();
        return;
      }
      if (window !== undefined) further += page.messages.length + 1;
      const anew = window !== undefined && window.epoch !== page.epoch;
      window = anew ? undefined : extend(window, page, recent, size, source.consecutive);
      overran ||= page.end < page.offset;
    } while (window === undefined || (overran && further <= size));
    this.#reading = false;
    this.#base ??= { epoch: window.epoch, offset: window.last };
    if (overran) {
      const { messages } = window;
      return this.#settle({ messages, position: this.#position, reason: "overflow", live: true });
    }
    this.#window = window;
    source.clock.startDeadline(this, KEPT);
    for (const reader of this.#readers.splice(0)) this.#serve(reader);
  }

  #settle(recovery: Recovery): void {
    for (const { settle } of this.#readers.splice(0)) settle(recovery);
  }

  #sleep(delay: number): Promise<void> {
    return new Promise((resolve) => {
      this.#source.clock.setTimer(resolve, delay, "a history that could not be read");
    });
  }
}

/** A list that takes so much, and knows whether that was too little. */
class Bounded<T> {
  list: T[] = [];
  overran = false;
  #octets = 0;

  push(item: T, octets: number): void {
    const full = this.list.length >= MOST || (this.#octets > 0 && this.#octets + octets > BOUND);
    // What comes behind something that is missing is of no use.
    if (full) this.overran = true;
    if (this.overran) return;
    this.list.push(item);
    this.#octets += octets;
  }

  /** Empties it. Returns what was in it. */
  clear(): T[] {
    const { list } = this;
    this.list = [];
    this.overran = false;
    this.#octets = 0;
    return list;
  }
}
