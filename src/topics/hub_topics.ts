// The public object of topics, whose work the hub does, and a relay where there is a backplane.

import {
  type Publishable,
  type PublishOptions,
  type PublishResult,
  type SendResult,
  type SubscribeResult,
  type TopicHub,
  TOPICS,
} from "../connection/publishing.ts";
import type { SendOptions } from "../protocol/sendable.ts";
import { checkOptions, describe, milliseconds, type OptionTable } from "../util/check_options.ts";
import type { AsyncDisposal } from "../util/platform.ts";
import { defer, RESOLVED } from "../util/promises.ts";
import { checkTopic, type Hub } from "./hub.ts";
import type { HistoryOptions, HistoryResult } from "./history.ts";
import type { HistoryStats } from "./memory_history.ts";
import type { TopicPresence } from "./presence.ts";
import type { RelayStats } from "./relay_stats.ts";
import type { TopicListener } from "./topic.ts";

/** The options of `topics.close()`. */
export interface TopicsCloseOptions {
  /**
   * Milliseconds to wait for what the broker of the backplane has not taken. Default: 5,000.
   */
  readonly timeout?: number;
}

const CLOSE_OPTIONS: OptionTable<TopicsCloseOptions> = { timeout: milliseconds };

/** What joins topics with those of other processes. */
export interface Relaying {
  /** See {@linkcode Topics.flush}. */
  flush(): Promise<void>;
  /** Ends all of it. */
  close(timeout: number): Promise<void>;
  /** What has been counted. */
  stats(): RelayStats;
}

/** What topics have counted since they were made. */
export interface TopicsStats {
  /** Topics that have a subscriber now. */
  readonly topics: number;
  /** Subscriptions now: of connections, and of listeners. */
  readonly subscriptions: number;
  /** Messages published. */
  readonly published: number;
  /** Deliveries to subscribers that keep up; see {@linkcode PublishResult}. */
  readonly delivered: number;
  /** Deliveries that had to wait, because the subscriber was behind. */
  readonly queued: number;
  /** Deliveries that the option `overflow` of the server dropped, or ended the connection for. */
  readonly overflowed: number;
  /** Deliveries of `droppable` messages that were dropped. `ws.dropped` does not count them. */
  readonly droppable: number;
  /** Messages that waited, and whose place another with the same `coalesce` took. */
  readonly coalesced: number;
  /** What this process keeps of histories; undefined with a backplane, and where none is kept. */
  readonly history: HistoryStats | undefined;
  /** What was exchanged with other processes; undefined without a backplane. */
  readonly backplane: RelayStats | undefined;
}

/**
 * Topics: names to which connections subscribe, and to which messages are published. Iteration
 * gives the names of those that have a subscriber now.
 */
export interface Topics extends Iterable<string>, AsyncDisposal {
  /**
   * Publishes a message to all subscribers of a topic. It is encoded once, and compressed once for
   * all connections that compress alike; each connection gets it in order with what `send()` sends.
   * A connection that is behind takes no time of the others: the option `overflow` of its server
   * decides, after `droppable` and `coalesce`. A connection that is closing gets nothing.
   *
   * @param topic The name: 1 to 255 octets of UTF-8. It need not have subscribers.
   * @param data The message: a string as text, bytes as binary, or a {@linkcode PreparedMessage}.
   * @param options How to send it, and what may happen to it where a subscriber is behind.
   * @returns What became of it, by number of subscribers in this process.
   * @throws {TypeError} When `data`, an option or the name is of the wrong kind.
   * @throws {RangeError} When the name or the key is empty or too long, or the message is larger
   * than the broker of the backplane takes.
   * @throws {Error} When the topics were closed.
   *
   * @example
   * ```ts
   * import { createTopics } from "@sansocket/ws";
   *
   * const topics = createTopics();
   * topics.subscribe("news", (data) => console.log(data)); // hello
   * topics.publish("news", "hello");
   * ```
   */
  publish(topic: string, data: Publishable, options?: PublishOptions): PublishResult;
  /**
   * Subscribes a function. It is called within `publish()`, once for each message, until
   * `unsubscribe()`; the result counts it as delivered. For a connection, see
   * {@linkcode WebSocketConnection.subscribe}.
   *
   * @param topic The name of the topic.
   * @param listener The function. A second subscription of it to one topic is the same as the
   * first. What it throws or rejects with goes to the option `error`.
   * @returns Resolves once the subscription is in place in other processes, too, or cannot be, with
   * `joined: false`; in this process it begins with the call. It never rejects.
   * @throws {TypeError} When the name is no well-formed string, or the listener is no function.
   * @throws {RangeError} When the name is empty or too long.
   * @throws {Error} When the topics were closed.
   */
  subscribe(topic: string, listener: TopicListener): Promise<SubscribeResult>;
  /**
   * Ends the subscription of a function.
   *
   * @param topic The name of the topic.
   * @param listener The function.
   * @returns Whether there was one.
   */
  unsubscribe(topic: string, listener: TopicListener): boolean;
  /**
   * Reads the history of a topic, for code; a connection gets it by `since` of `ws.subscribe()`.
   *
   * @param topic The name of the topic, which must have history: see the option `history`.
   * @param options From where on, and how many messages.
   * @returns Resolves with the messages. It never rejects: while the store is away there are none,
   * and the reason is `"unavailable"`. At the start it waits for the store, up to 5 s.
   * @throws {TypeError} When the name is no well-formed string, an option is unknown or of the
   * wrong kind, or the topic has no history.
   * @throws {RangeError} When the name is empty or too long, or a number is out of its range.
   *
   * @example
   * ```ts
   * import { createTopics } from "@sansocket/ws";
   *
   * const topics = createTopics({ history: [{ prefix: "room:", size: 100, ttl: 300_000 }] });
   * for (const text of ["a", "b", "c"]) topics.publish("room:1", text);
   * const { messages, position } = await topics.history("room:1", { limit: 2 });
   * console.log(messages.map(({ data }) => data), position.offset); // [ "b", "c" ] 3
   * ```
   */
  history(topic: string, options?: HistoryOptions): Promise<HistoryResult>;
  /**
   * Who is present on a topic: members that connections have become by the option `presence` of
   * `ws.subscribe()`, in all processes of the backplane. A member stays for 15 s after its last
   * connection, by a timer that keeps the process running until then; `close()` ends it.
   *
   * @param topic The name of the topic.
   * @returns What lists them, and tells of those who come and go.
   * @throws {TypeError} When the name is no well-formed string, or the backplane does not keep who
   * is present.
   * @throws {RangeError} When the name is empty or too long.
   * @throws {Error} When the topics were closed.
   *
   * @example
   * ```ts
   * import { connect, createTopics, serve } from "@sansocket/ws";
   *
   * const topics = createTopics();
   * await using server = await serve({
   *   port: 0,
   *   topics,
   *   websocket: {
   *     open: (ws) => ws.subscribe("room", { presence: { key: "anna", info: { age: 30 } } }),
   *   },
   * });
   * const ws = await connect(server.url);
   * await ws.ping();
   * console.log(await topics.presence("room").list()); // [ { key: "anna", info: { age: 30 } } ]
   * for await (const event of topics.presence("room")) {
   *   console.log(event.type); // snapshot
   *   break;
   * }
   * await ws.close();
   * await server.close();
   * await topics.close();
   * ```
   */
  presence(topic: string): TopicPresence;
  /**
   * How many subscribers a topic has in this process: connections and listeners.
   *
   * @param topic The name of the topic.
   * @throws {TypeError} When the name is no well-formed string.
   * @throws {RangeError} When the name is empty or too long.
   */
  subscribers(topic: string): number;
  /**
   * Sends a message to one connection, in any process that has these topics by one backplane. For
   * an answer to what a job has done, or a message to one user.
   *
   * @param id The `id` of the connection, which also names its process.
   * @param data The message.
   * @param options How to send it.
   * @returns What was done with it. That it has arrived cannot be known: let the client answer.
   * @throws {TypeError} When `id` is none, or `data` or an option is of the wrong kind.
   * @throws {RangeError} When the message is larger than the broker takes.
   * @throws {Error} When the topics were closed.
   */
  send(id: string, data: Publishable, options?: SendOptions): SendResult;
  /**
   * Waits for the broker of the backplane, such as before a job ends.
   *
   * @returns Resolves once the broker has taken everything that was published; at once without a
   * backplane.
   * @throws {FlushError} When it has not, with the number of messages since the last call: it was
   * away, refused them, or more than 1 MiB waited. Never while messages are under way.
   */
  flush(): Promise<void>;
  /**
   * Ends all subscriptions and leaves the backplane, whose client stays open. Close the servers
   * first: to publish or to subscribe is an error afterwards. A second call returns the same
   * promise.
   *
   * @param options How long to wait for what the broker has not taken.
   * @returns Resolves once all of it has ended. What the broker had not taken by then is counted in
   * `stats()`.
   * @throws {TypeError} When an option is unknown or of the wrong kind; nothing is closed then.
   */
  close(options?: TopicsCloseOptions): Promise<void>;
  /**
   * What has been counted.
   *
   * @returns The figures of this moment.
   */
  stats(): TopicsStats;
}

/** Topics over a hub. */
export class HubTopics implements Topics {
  static {
    // A member with a computed name would keep the class in bundles that make no topics.
    Object.defineProperty(this.prototype, TOPICS, {
      get(this: HubTopics): TopicHub {
        return this.#hub;
      },
    });
  }

  readonly #hub: Hub;
  readonly #relay: Relaying | undefined;
  #closed: Promise<void> | undefined;

  /** The topics of a hub, and what joins it with others. */
  constructor(hub: Hub, relay?: Relaying) {
    this.#hub = hub;
    this.#relay = relay;
  }

  publish(topic: string, data: Publishable, options?: PublishOptions): PublishResult {
    return this.#hub.publish(topic, data, options, undefined);
  }

  subscribe(topic: string, listener: TopicListener): Promise<SubscribeResult> {
    checkListener(listener);
    return this.#hub.listen(topic, listener);
  }

  unsubscribe(topic: string, listener: TopicListener): boolean {
    checkListener(listener);
    return this.#hub.unlisten(topic, listener);
  }

  subscribers(topic: string): number {
    checkTopic(topic);
    return this.#hub.topics.get(topic)?.size ?? 0;
  }

  history(topic: string, options?: HistoryOptions): Promise<HistoryResult> {
    checkTopic(topic);
    return this.#hub.historyOf(topic).history(topic, options);
  }

  presence(topic: string): TopicPresence {
    return this.#hub.presenceOn(topic);
  }

  stats(): TopicsStats {
    const { topics, subscriptions, published, tally } = this.#hub;
    const history = this.#hub.history?.stats?.();
    const backplane = this.#relay?.stats();
    return { topics: topics.size, subscriptions, published, ...tally, history, backplane };
  }

  send(id: string, data: Publishable, options?: SendOptions): SendResult {
    return this.#hub.send(id, data, options);
  }

  flush(): Promise<void> {
    return this.#relay?.flush() ?? RESOLVED;
  }

  close(options: TopicsCloseOptions = {}): Promise<void> {
    checkOptions("topics.close()", options, CLOSE_OPTIONS);
    if (this.#closed === undefined) {
      // First the promise: the hook for the last subscriber may close the topics, too.
      const { promise, resolve, reject } = defer<void>();
      this.#closed = promise;
      this.#close(options.timeout ?? 5_000).then(resolve, reject);
    }
    return this.#closed;
  }

  async #close(timeout: number): Promise<void> {
    this.#hub.close();
    if (this.#relay !== undefined) return this.#relay.close(timeout);
    const { presence } = this.#hub;
    if (typeof presence === "object") await presence.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  [Symbol.iterator](): Iterator<string> {
    return [...this.#hub.topics.keys()].values();
  }
}

function checkListener(listener: unknown): void {
  if (typeof listener === "function") return;
  throw new TypeError(`Expected a listener to be a function, got ${describe(listener)}`);
}
