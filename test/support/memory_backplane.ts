// A broker in memory, whose faults the test commands: one bus, and a driver for each process on it.
//
// 1. Nothing is random and nothing waits for time. By default what is published arrives in the next
//    microtask. A bus that is held lets the test take and deliver each message, in any order.
// 2. `pending` is what the broker has taken and not delivered, oldest first, one entry for each
//    receiver; to deliver another than the first is to reorder, and to keep it is to duplicate.
// 3. An outage forgets all subscriptions and what is under way, as a broker that starts anew; what is
//    kept of history stays, unless `forget()` is called.

import type {
  Backplane,
  BackplaneSink,
  HistoryStore,
  PresenceStore,
  Retention,
  StoredPosition,
  StorePage,
  StoreReceipt,
} from "../../src/topics/backplane.ts";
import type { Clock } from "../../src/util/clock.ts";

/** A message under way to one driver. */
export interface MemoryDelivery {
  /** Who gets it. */
  readonly to: MemoryBackplane;
  /** Who has published it. */
  readonly from: MemoryBackplane;
  /** Its channel. */
  readonly channel: string;
  /** Its octets. */
  readonly envelope: Uint8Array;
  /** Where the history has put it. */
  readonly position?: StoredPosition | undefined;
}

/** A message that a history has numbered. */
export interface MemoryNumbered {
  /** Its channel. */
  readonly channel: string;
  /** Its octets. */
  readonly envelope: Uint8Array;
  /** Where it was put. */
  readonly position: StoredPosition;
}

/** The history of a channel. */
interface Kept {
  readonly epoch: string;
  offset: number;
  messages: { offset: number; envelope: Uint8Array; at: number }[];
}

/** What a driver in memory says about itself. */
export interface MemoryOptions {
  /** Default: true. */
  readonly ordered?: boolean;
  /** Whether `publish()` says how many have received it. Default: true. */
  readonly counts?: boolean;
  /** Default: 1 MiB. */
  readonly maxSize?: number;
  /** The clock of the topics. Default: the system's. */
  readonly clock?: Clock;
  /** Whether the driver can `restart()`. Default: true. */
  readonly restarts?: boolean;
  /** Whether it keeps history, and whether offsets leave numbers out. Default: none. */
  readonly history?: "consecutive" | "sparse";
  /** Keeps who is present. Default: none. */
  readonly presence?: PresenceStore;
}

/** A broker in memory. */
export class MemoryBus {
  /** Whether messages wait in `pending` until `deliver()`, or `drop()`. */
  held = false;
  /** Whether publishes wait in `offered` until `take()`: a slow broker. */
  slow = false;
  /** Whether the broker is there. */
  up = true;
  /** Taken and not delivered, oldest first. */
  readonly pending: MemoryDelivery[] = [];
  /** Published and not yet taken; each takes itself, or rejects when the broker is away. */
  readonly offered: (() => void)[] = [];
  /** All drivers that have started and not closed. */
  readonly drivers: Set<MemoryBackplane> = new Set();
  /** How often history was read. */
  reads = 0;
  /** What each read waits for, once the history was read. */
  reading: Promise<unknown> = Promise.resolve();
  /** What reads reject with. */
  refusesRead: Error | undefined;
  /** The time of the store. */
  now = 0;
  /** All that histories have numbered, in order. */
  readonly numbered: MemoryNumbered[] = [];
  /** The history of channels. */
  readonly #kept = new Map<string, Kept>();
  #epochs = 0;
  #due = false;

  /** Makes the driver of one more process. */
  driver(options: MemoryOptions = {}): MemoryBackplane {
    return new MemoryBackplane(this, options);
  }

  /** Delivers one of the messages that are pending; with `keep` it stays, and comes again. */
  deliver(index = 0, keep = false): void {
    const delivery = keep ? this.pending[index] : this.pending.splice(index, 1)[0];
    if (delivery === undefined) throw new RangeError(`Nothing is pending at ${index}`);
    this.#arrive(delivery);
  }

  #arrive({ to, channel, envelope, position }: MemoryDelivery): void {
    if (to.joined.has(channel)) to.deliver(channel, envelope.slice(), position);
  }

  /** All history is lost. */
  forget(): void {
    this.#kept.clear();
  }

  /** Copies all history, and returns what brings that back: a store that is restored. */
  backUp(): () => void {
    const copy = [...this.#kept].map(([channel, kept]): [string, Kept] => [
      channel,
      { ...kept, messages: [...kept.messages] },
    ]);
    return () => {
      this.forget();
      for (const [channel, kept] of copy) this.#kept.set(channel, kept);
    };
  }

  /** The history of a channel, without what is too old. */
  kept(channel: string, ttl: number): Kept {
    let kept = this.#kept.get(channel);
    if (kept === undefined) {
      kept = { epoch: `epoch ${++this.#epochs}`, offset: 0, messages: [] };
      this.#kept.set(channel, kept);
    }
    kept.messages = kept.messages.filter(({ at }) => at + ttl > this.now);
    return kept;
  }

  /** Loses one of the messages that are pending. */
  drop(index = 0): void {
    this.pending.splice(index, 1);
  }

  /** Takes so many of those that were published, oldest first. */
  take(count: number = Infinity): void {
    for (const one of this.offered.splice(0, count)) one();
  }

  /** The broker goes away, for all drivers or for one. */
  outage(reason: Error = new Error("The bus is away"), only?: MemoryBackplane): void {
    if (only === undefined) this.up = false;
    for (const driver of only === undefined ? this.drivers : [only]) driver.lose(reason);
    // What was offered now rejects, for those that have lost the broker.
    this.take();
  }

  /** It comes back, for all drivers or for one. */
  recover(only?: MemoryBackplane): void {
    if (only === undefined) this.up = true;
    for (const driver of only === undefined ? this.drivers : [only]) driver.find();
  }

  /** Puts a message on its way to all that have joined. */
  spread(
    from: MemoryBackplane,
    channel: string,
    envelope: Uint8Array,
    position?: StoredPosition,
  ): number {
    let count = 0;
    for (const to of this.drivers) {
      if (!to.joined.has(channel)) continue;
      count++;
      if (!to.deaf) this.pending.push({ from, to, channel, envelope, position });
    }
    if (!this.held && !this.#due) {
      this.#due = true;
      queueMicrotask(() => {
        this.#due = false;
        if (this.held) return;
        // Not one by one from the front of the list, which takes seconds for 10,000 of them.
        for (const delivery of this.pending.splice(0)) this.#arrive(delivery);
      });
    }
    return count;
  }
}

/** The driver of one process. */
export class MemoryBackplane implements Backplane {
  readonly name = "memory";
  readonly ordered: boolean;
  readonly maxSize: number | undefined;
  readonly clock: Clock | undefined;
  readonly restart?: () => void;
  readonly history: HistoryStore | undefined;
  readonly presence: PresenceStore | undefined;
  /** What this process has joined, in the broker's memory. */
  readonly joined: Set<string> = new Set();
  /** All calls of `join()` and `leave()`, in order. */
  readonly calls: (readonly [call: "join" | "leave", channels: readonly string[]])[] = [];
  /** How often `publish()` was called. */
  published = 0;
  /** How often `restart()` was called. */
  restarts = 0;
  /** Whether the broker answers and delivers nothing, until `restart()`. */
  deaf = false;
  /** What `join()` waits for before the broker joins. */
  joining: Promise<unknown> = Promise.resolve();
  /** What `join()` rejects with. */
  refusesJoin: Error | undefined;
  /** What `publish()` rejects with. */
  refusesPublish: Error | undefined;
  /** Whether it has the broker. */
  connected = false;
  readonly #bus: MemoryBus;
  readonly #counts: boolean;
  /** Where it delivers. */
  sink: BackplaneSink | undefined;

  /** A driver on a bus. */
  constructor(bus: MemoryBus, options: MemoryOptions) {
    const { ordered, counts, maxSize, clock, restarts, history } = options;
    this.#bus = bus;
    this.presence = options.presence;
    this.history = history && {
      consecutive: history === "consecutive",
      publish: (channel, envelope, retention) => this.#keep(channel, envelope, retention),
      read: (channel, after, limit, retention) => this.#read(channel, after, limit, retention),
    };
    this.#counts = counts ?? true;
    this.ordered = ordered ?? true;
    this.maxSize = maxSize;
    this.clock = clock;
    if (restarts ?? true) {
      this.restart = () => {
        this.restarts++;
        this.deaf = false;
        this.lose(new Error("Connects anew"));
        queueMicrotask(() => this.#bus.up && this.find());
      };
    }
  }

  start(sink: BackplaneSink): void {
    if (this.sink !== undefined) throw new Error("The driver has started already");
    this.sink = sink;
    this.#bus.drivers.add(this);
    queueMicrotask(() => this.#bus.up && this.find());
  }

  async join(channels: readonly string[]): Promise<void> {
    this.#check();
    this.calls.push(["join", [...channels]]);
    await this.joining;
    this.#check();
    if (this.refusesJoin !== undefined) throw this.refusesJoin;
    for (const channel of channels) this.joined.add(channel);
  }

  async leave(channels: readonly string[]): Promise<void> {
    this.#check();
    this.calls.push(["leave", [...channels]]);
    await Promise.resolve();
    for (const channel of channels) this.joined.delete(channel);
    const { pending } = this.#bus;
    for (let i = pending.length - 1; i >= 0; i--) {
      if (pending[i]!.to === this && !this.joined.has(pending[i]!.channel)) pending.splice(i, 1);
    }
  }

  publish(channel: string, envelope: Uint8Array): Promise<number | undefined> {
    const copy = envelope.slice();
    return this.#offer(() => this.#spread(channel, copy));
  }

  #keep(channel: string, envelope: Uint8Array, { size, ttl }: Retention): Promise<StoreReceipt> {
    const copy = envelope.slice();
    return this.#offer(() => {
      const kept = this.#bus.kept(channel, ttl);
      const previous = kept.offset;
      kept.offset += this.history!.consecutive ? 1 : 1 + this.published % 3;
      const { epoch, offset } = kept;
      kept.messages = [...kept.messages, { offset, envelope: copy, at: this.#bus.now }].slice(
        -size,
      );
      const position = { epoch, offset, previous };
      this.#bus.numbered.push({ channel, envelope: copy, position });
      return { epoch, offset, receivers: this.#spread(channel, copy, position) };
    });
  }

  async #read(
    channel: string,
    after: number | undefined,
    limit: number,
    { ttl }: Retention,
  ): Promise<StorePage> {
    this.#check();
    this.#bus.reads++;
    const { epoch, offset, messages } = this.#bus.kept(channel, ttl);
    const { refusesRead } = this.#bus;
    await this.#bus.reading;
    this.#check();
    if (refusesRead !== undefined) throw refusesRead;
    const behind = messages.filter((message) => message.offset > (after ?? 0));
    const some = after === undefined
      ? behind.slice(-limit || behind.length)
      : behind.slice(0, limit);
    const first = messages[0]?.offset ?? offset + 1;
    const from = after ?? 0;
    // A store that leaves numbers out is certain only of what it has.
    const complete = from >= offset || from >= (this.history!.consecutive ? first - 1 : first);
    return {
      epoch,
      offset,
      messages: some.map(({ offset, envelope }) => ({ offset, envelope: envelope.slice() })),
      complete,
    };
  }

  #spread(
    channel: string,
    envelope: Uint8Array,
    position?: StoredPosition,
  ): number | undefined {
    const count = this.#bus.spread(this, channel, envelope, position);
    return this.#counts ? count : undefined;
  }

  /** Offers something to the broker, which takes it now or later. */
  #offer<T>(offered: () => T): Promise<T> {
    return new Promise((resolve, reject) => {
      if (!this.connected) return reject(new Error("Published while the broker is away"));
      this.published++;
      const take = (): void => {
        if (!this.connected) return reject(new Error("The broker went away"));
        if (this.refusesPublish !== undefined) return reject(this.refusesPublish);
        resolve(offered());
      };
      if (this.#bus.slow) this.#bus.offered.push(take);
      else take();
    });
  }

  close(): Promise<void> {
    this.#forget();
    this.sink = undefined;
    this.#bus.drivers.delete(this);
    this.#bus.take();
    return Promise.resolve();
  }

  /** A message has arrived. */
  deliver(channel: string, envelope: Uint8Array, position?: StoredPosition): void {
    this.sink?.message(channel, envelope, position);
  }

  /** The broker goes away. */
  lose(reason: unknown): void {
    if (!this.connected) return;
    this.#forget();
    this.sink?.down(reason);
  }

  /** The broker is there. */
  find(): void {
    if (this.connected || this.sink === undefined) return;
    this.connected = true;
    this.sink.up();
  }

  #forget(): void {
    this.connected = false;
    this.joined.clear();
    const { pending } = this.#bus;
    for (let i = pending.length - 1; i >= 0; i--) if (pending[i]!.to === this) pending.splice(i, 1);
  }

  #check(): void {
    if (!this.connected) throw new Error("Called while the broker is away");
  }
}
