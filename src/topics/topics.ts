// createTopics(): the public object, whose work the hub does.

import {
  type Publishable,
  type PublishOptions,
  type PublishResult,
  type SubscribeResult,
  type TopicHub,
  TOPICS,
} from "../connection/publishing.ts";
import { callback, checkOptions, describe, type OptionTable } from "../util/check_options.ts";
import { tell } from "../util/promises.ts";
import { Hub } from "./hub.ts";
import type { TopicListener } from "./topic.ts";

/** The options of {@linkcode createTopics}. */
export interface TopicsOptions {
  /**
   * Called with each topic that gets its first subscriber, such as to begin to fetch what is
   * published there. What it throws or rejects with goes to `error`. Default: none.
   */
  readonly onFirstSubscriber?: (topic: string) => void | Promise<void>;
  /**
   * Called with each topic whose last subscriber has left. What it throws or rejects with goes to
   * `error`. Default: none.
   */
  readonly onLastSubscriber?: (topic: string) => void | Promise<void>;
  /** Called with what listeners and hooks throw or reject with. Default: `console.error`. */
  readonly error?: (error: unknown) => void;
}

/** What each of them may be. */
export const TOPICS_OPTIONS: OptionTable<TopicsOptions> = {
  onFirstSubscriber: callback,
  onLastSubscriber: callback,
  error: callback,
};

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
}

/**
 * Topics: names to which connections subscribe, and to which messages are published. Iteration
 * gives the names of those that have a subscriber now.
 */
export interface Topics extends Iterable<string> {
  /**
   * Publishes a message to all subscribers of a topic. It is encoded once, and compressed once for
   * all connections that compress alike; each connection gets it in order with what `send()` sends.
   * A connection that is behind takes no time of the others: the option `overflow` of its server
   * decides, after `droppable` and `coalesce`. A connection that is closing gets nothing.
   *
   * @param topic The name: 1 to 255 octets of UTF-8. It need not have subscribers.
   * @param data The message: a string as text, bytes as binary, or a {@linkcode PreparedMessage}.
   * @param options How to send it, and what may happen to it where a subscriber is behind.
   * @returns What became of it, by number of subscribers.
   * @throws {TypeError} When `data`, an option or the name is of the wrong kind.
   * @throws {RangeError} When the name or the key is empty or too long.
   *
   * @example
   * ```ts
   * import { createTopics } from "@sansocket/ws";
   *
   * const topics = createTopics();
   * topics.subscribe("news", (data, topic) => console.log(topic, data)); // news hello
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
   * @returns Resolves once the subscription is in place; it begins with this call.
   * @throws {TypeError} When the name is no well-formed string, or the listener is no function.
   * @throws {RangeError} When the name is empty or too long.
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
   * How many subscribers a topic has in this process: connections and listeners.
   *
   * @param topic The name of the topic.
   */
  subscribers(topic: string): number;
  /**
   * What has been counted.
   *
   * @returns The figures of this moment.
   */
  stats(): TopicsStats;
}

/**
 * Makes topics, for any number of servers: give them to each as the option `topics`. They work
 * without a server, too.
 *
 * @param options Hooks.
 * @returns The topics.
 * @throws {TypeError} When an option is unknown or of the wrong kind.
 *
 * @example
 * ```ts
 * import { connect, createTopics, serve } from "@sansocket/ws";
 *
 * const topics = createTopics();
 * await using server = await serve({
 *   port: 0,
 *   topics,
 *   routes: { "/rooms/:room": { websocket: { open: (ws) => void ws.subscribe(ws.data.room) } } },
 * });
 * const ws = await connect(new URL("/rooms/lobby", server.url));
 * await ws.ping();
 * console.log(topics.publish("lobby", "hello").delivered); // 1
 * console.log(await ws.receive()); // hello
 * await ws.close();
 * ```
 */
export function createTopics(options: TopicsOptions = {}): Topics {
  checkOptions("createTopics()", options, TOPICS_OPTIONS);
  const { onFirstSubscriber, onLastSubscriber } = options;
  const error = options.error ?? ((error) => console.error(error));
  return new LocalTopics(
    new Hub({
      first: onFirstSubscriber,
      last: onLastSubscriber,
      // A hook that throws must not reach the code that publishes.
      report: (reason) => tell(error, reason, (second) => console.error(second)),
    }),
  );
}

class LocalTopics implements Topics {
  static {
    // A member with a computed name would keep the class in bundles that make no topics.
    Object.defineProperty(this.prototype, TOPICS, {
      get(this: LocalTopics): TopicHub {
        return this.#hub;
      },
    });
  }

  readonly #hub: Hub;

  constructor(hub: Hub) {
    this.#hub = hub;
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
    return this.#hub.topics.get(topic)?.size ?? 0;
  }

  stats(): TopicsStats {
    const { topics, subscriptions, published, tally } = this.#hub;
    return { topics: topics.size, subscriptions, published, ...tally };
  }

  [Symbol.iterator](): Iterator<string> {
    return [...this.#hub.topics.keys()].values();
  }
}

function checkListener(listener: unknown): void {
  if (typeof listener === "function") return;
  throw new TypeError(`Expected a listener to be a function, got ${describe(listener)}`);
}
