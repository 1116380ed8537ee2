// What joins the topics of several processes: the interface between topics and a driver.
//
// A driver carries octets. It counts nothing, repeats nothing and keeps nothing: sequence numbers,
// duplicates, gaps, bounds and everything that is due after an outage are the work of the relay.

import type { Clock } from "../util/clock.ts";

/** Where a driver delivers; the topics give it to {@linkcode Backplane.start}. */
export interface BackplaneSink {
  /**
   * A message has come on a channel that is joined. Messages of one publisher on one channel come
   * in the order in which they were published; some may be lost, and some may come twice.
   *
   * @param channel The channel.
   * @param envelope The message. The memory belongs to the sink from now on.
   */
  message(channel: string, envelope: Uint8Array): void;
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
