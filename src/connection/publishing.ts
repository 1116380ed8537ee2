// What a connection needs to know of topics. The code of topics is in topics/, and comes only with
// `createTopics()`: neither a client nor a server without topics loads it.

import type { BinaryData } from "../util/bytes.ts";
import type { PreparedMessage } from "../protocol/prepared_message.ts";
import type { SendOptions } from "../protocol/sendable.ts";
import type { Dispatcher } from "./dispatcher.ts";

/** What can be published. */
export type Publishable = string | BinaryData | PreparedMessage;

/** How to publish one message. */
export interface PublishOptions extends SendOptions {
  /**
   * Whether a subscriber that is behind can do without the message: it is dropped for each
   * connection where more than 64 KiB wait to be sent. For positions, typing indicators and the
   * like. Default: false.
   */
  readonly droppable?: boolean;
  /**
   * The key of a message that can be replaced. While a subscriber is behind, the message takes the
   * place of the one with the same key
   * and topic that still waits there. For a value of which only the latest counts: a price, or a
   * row of a dashboard. Messages of one key arrive in order, and so do all messages without one. 1
   * to 255 octets of UTF-8. Default: none.
   */
  readonly coalesce?: string;
}

/** What became of a published message, by number of subscribers in this process. */
export interface PublishResult {
  /** It went to a listener, or to a connection that keeps up: at most 64 KiB waited there. */
  readonly delivered: number;
  /**
   * It waits for a connection that is behind: more than 64 KiB waited there already, or it waits
   * where another message of its key can take its place.
   */
  readonly queued: number;
  /**
   * It was dropped, because it is `droppable` or because of the option `overflow`, or the
   * connection was cut because of `overflow`.
   */
  readonly dropped: number;
}

/** What `subscribe()` resolves with. */
export interface SubscribeResult {
  /** Whether the subscription is in place wherever messages of the topic come from. */
  readonly joined: boolean;
}

/** Topics, as a connection reaches them. */
export interface TopicHub {
  /** Subscribes a connection that is open. */
  join(dispatcher: Dispatcher, topic: string): Promise<SubscribeResult>;
  /** Ends the subscription; false when there was none. */
  leave(dispatcher: Dispatcher, topic: string): boolean;
  /** The names of the topics to which a connection has subscribed. */
  names(dispatcher: Dispatcher): ReadonlySet<string>;
  /** Publishes to all but one. */
  publish(
    topic: string,
    data: Publishable,
    options: PublishOptions | undefined,
    except: Dispatcher | undefined,
  ): PublishResult;
}

/** The subscriptions of one connection. */
export interface Subscriptions {
  /** The connection has ended: ends them all. */
  end(): void;
}

/** The name by which the object of `createTopics()` has its hub, in all copies of this package. */
export const TOPICS: unique symbol = Symbol.for("@sansocket/ws/Topics");

/** The object of `createTopics()`, as a server sees it. */
export interface HasTopics {
  /** The hub. */
  readonly [TOPICS]: TopicHub;
}

/**
 * The topics of a connection, or of a server.
 *
 * @throws {TypeError} When it has none.
 */
export function topicsOf({ topics }: { readonly topics: TopicHub | undefined }): TopicHub {
  if (topics !== undefined) return topics;
  throw new TypeError(
    "Expected a connection of a server with topics: give serve() the option topics: createTopics()",
  );
}
