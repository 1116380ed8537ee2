// What joins the topics of several processes: the interface between topics and a driver.
//
// A driver carries octets. It counts nothing and repeats nothing: sequence numbers, duplicates,
// gaps, bounds and everything that is due after an outage are the work of the topics. What it
// keeps, it keeps at the broker: the history of topics, and who is present.

import type { Clock } from "../util/clock.ts";

/** How much of a topic a store keeps. */
export interface Retention {
  /** The most messages. */
  readonly size: number;
  /** Milliseconds for which a message is kept, by the clock of the store. */
  readonly ttl: number;
}

/** Where a store has put a message. */
export interface StorePosition {
  /**
   * Names the count that the offsets belong to: 1 to 64 characters. It changes when the store has
   * begun to count anew, such as after it has lost its data.
   */
  readonly epoch: string;
  /** A number from 1, greater than that of each message before it on the channel. */
  readonly offset: number;
}

/** What a message brings with it from a channel with history. */
export interface StoredPosition extends StorePosition {
  /** The offset of the message before it on the channel, kept or not; 0 if there was none. */
  readonly previous: number;
}

/** What a store has done with a message. */
export interface StoreReceipt extends StorePosition {
  /** How many have received it, this process included, if the broker knows all of them. */
  readonly receivers: number | undefined;
}

/** What is kept of a channel. */
export interface StorePage {
  /** The epoch now. */
  readonly epoch: string;
  /** The last offset of the channel, kept or not; or any later one that is used up. */
  readonly offset: number;
  /** The messages, the oldest first. The memory belongs to the caller. */
  readonly messages: readonly { readonly offset: number; readonly envelope: Uint8Array }[];
  /** Whether it is certain that no message between `after` and the first of these has gone. */
  readonly complete: boolean;
}

/**
 * The history of channels, kept by a broker. Only channels with `h:` behind the prefix have one:
 * what is published there by `publish()` of this interface is numbered, kept and delivered to all
 * that have joined, as one step, and `BackplaneSink.message()` gets its position. What is published
 * there by `Backplane.publish()` is delivered, but neither numbered nor kept.
 */
export interface HistoryStore {
  /** Whether the offsets of a channel count 1, 2, 3, so that a gap has a size. */
  readonly consecutive: boolean;
  /**
   * Numbers, keeps and delivers a message. Only called while the broker is up; messages leave in
   * the order of the calls.
   *
   * @param channel The channel.
   * @param envelope The message. The memory is not written to afterwards.
   * @param retention How much to keep; the same in all calls for one channel.
   * @returns Resolves once the message is kept. Rejects when it is not, or may not be.
   */
  publish(channel: string, envelope: Uint8Array, retention: Retention): Promise<StoreReceipt>;
  /**
   * Reads what is kept. Only called while the broker is up.
   *
   * @param channel The channel.
   * @param after Only messages with a greater offset, the oldest first; undefined for the latest.
   * @param limit The most messages.
   * @param retention How much is kept.
   * @returns Resolves with the messages; rejects when they cannot be read.
   */
  read(
    channel: string,
    after: number | undefined,
    limit: number,
    retention: Retention,
  ): Promise<StorePage>;
}

/** A member that a process has put on a channel. */
export interface PresenceEntry {
  /** The lease of the process. */
  readonly lease: string;
  /** The key of the member. */
  readonly key: string;
  /** What is known of the member, as JSON. */
  readonly info: string;
}

/**
 * Who is present, kept by a broker. A process has one lease, and what it has put counts while that
 * lasts. Only called while the broker is up. All times are told by the clock of the broker.
 */
export interface PresenceStore {
  /**
   * Takes a lease, or renews it.
   *
   * @param lease Its name, like that of a channel, with `l:` behind the prefix.
   * @param expiry Milliseconds from now until it ends.
   * @returns Resolves with whether there was one that had not ended.
   */
  renew(lease: string, expiry: number): Promise<boolean>;
  /**
   * Looks at leases.
   *
   * @param leases Their names.
   * @returns Resolves with whether each has not ended, in the same order.
   */
  alive(leases: readonly string[]): Promise<boolean[]>;
  /**
   * Puts and removes members of one process on a channel.
   *
   * @param channel The channel, with `p:` behind the prefix.
   * @param lease The lease of the process.
   * @param changes By key: what is known of the member, as JSON; undefined to remove it.
   * @returns Resolves once that is done.
   */
  write(
    channel: string,
    lease: string,
    changes: ReadonlyMap<string, string | undefined>,
  ): Promise<unknown>;
  /**
   * Reads the members of a channel, of all processes whose lease has not ended. Those of the others
   * are removed. Keys that several processes have come once for each.
   *
   * @param channel The channel.
   * @returns Resolves with the members, in any order.
   */
  read(channel: string): Promise<PresenceEntry[]>;
}

/** Where a driver delivers; the topics give it to {@linkcode Backplane.start}. */
export interface BackplaneSink {
  /**
   * A message has come on a channel that is joined. Messages of one publisher on one channel come
   * in the order in which they were published; some may be lost, and some may come twice.
   *
   * @param channel The channel.
   * @param envelope The message. The memory belongs to the sink from now on.
   * @param position Where its history has put it, if the channel has one.
   */
  message(channel: string, envelope: Uint8Array, position?: StoredPosition): void;
  /**
   * The broker takes messages and delivers them, from now on. The topics then join all of their
   * channels, also after an outage in which a client has kept its subscriptions.
   */
  up(): void;
  /**
   * The broker is away: nothing can be published, or nothing is delivered.
   *
   * @param reason Why, such as the error of the client.
   */
  down(reason: unknown): void;
}

/**
 * A broker between processes, as a driver offers it. One belongs to one `createTopics()`.
 *
 * Channels are names of at most 800 octets out of letters, digits, `-`, `_`, `:` and `%`. In the
 * option `prefix` there may be dots, with something else before and behind each.
 */
export interface Backplane {
  /** The name of the broker, for errors: "Redis". */
  readonly name: string;
  /**
   * Whether the broker has one order for all messages of a channel, from any publisher: then
   * every process gets them in that order, and a process its own among them.
   */
  readonly ordered: boolean;
  /** The most octets of a message. Default: 1 MiB. */
  readonly maxSize?: number | undefined;
  /**
   * Keeps the history of topics. Default: none, and the option `history` of `createTopics()` is
   * refused.
   */
  readonly history?: HistoryStore | undefined;
  /** Keeps who is present. Default: none, and the option `presence` of `subscribe()` is refused. */
  readonly presence?: PresenceStore | undefined;
  /** Tells the time to the topics. Only tests bring one. Default: the system's clock. */
  readonly clock?: Clock | undefined;
  /**
   * Begins. Called once, before everything else; `sink.up()` may be called within it.
   *
   * @param sink Where to deliver.
   */
  start(sink: BackplaneSink): void;
  /**
   * Joins channels; those that are joined already stay so. Only called while the broker is up.
   *
   * @param channels The names.
   * @returns Resolves once the broker delivers what is published there; rejects when it refuses.
   */
  join(channels: readonly string[]): Promise<unknown>;
  /**
   * Leaves channels. Only called while the broker is up, and never while a `join()` of one of them
   * is under way.
   *
   * @param channels The names.
   * @returns Resolves once nothing is delivered any more.
   */
  leave(channels: readonly string[]): Promise<unknown>;
  /**
   * Publishes a message. Only called while the broker is up; messages leave in the order of the
   * calls. It is also delivered to this process, if it has joined the channel.
   *
   * @param channel The channel.
   * @param envelope The message. The memory is not written to afterwards.
   * @returns Resolves once the broker has taken it: with the number of receivers, this process
   * included, if the broker knows all of them, and with undefined otherwise. Rejects when the
   * broker has not taken it, or may not have.
   */
  publish(channel: string, envelope: Uint8Array): Promise<number | undefined>;
  /**
   * The broker answers, but delivers nothing: connect anew, and report `down()` and `up()`.
   * Default: the topics join everything again.
   */
  restart?(): void;
  /**
   * Ends what the driver has opened, and not what the user has. Nothing is called afterwards.
   *
   * @returns Resolves once it has ended.
   */
  close(): Promise<void>;
}
