// What a connection needs to know of topics. The code of topics is in topics/, and comes only with
// a server: a client does not load it.

import type { BinaryData } from "../util/bytes.ts";
import type { PreparedMessage } from "../protocol/prepared_message.ts";
import type { SendOptions } from "../protocol/sendable.ts";
import type { WebSocketConnection } from "./connection.ts";
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
   * place of the one with the same key and topic that still waits there. For a value of which only
   * the latest counts: a price, or a row of a dashboard. Messages of one key arrive in order, and
   * so do all messages without one. 1 to 255 octets of UTF-8. Default: none.
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
  /**
   * True with `order: "broker"`: the message is delivered when it comes back from the broker, so
   * all counts are 0. Absent otherwise.
   */
  readonly deferred?: boolean;
}

/**
 * What `topics.send()` has done with a message:
 *
 * - `"here"`: the connection is one of this process, and has taken it.
 * - `"passed on"`: it is on its way to the process that the id names. Whether the connection is
 *   still there is not known.
 * - `"nowhere"`: no such connection is here, and nothing leads to another process: there is no
 *   backplane, or the broker is away.
 */
export type SendResult = "here" | "passed on" | "nowhere";

/** What `subscribe()` resolves with. */
export interface SubscribeResult {
  /**
   * Whether messages of other processes come, too. False while the broker of a backplane is away:
   * the topic is joined when it is back. True without a backplane.
   */
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
  /** A server has these topics, and these connections. */
  register(connections: ReadonlySet<WebSocketConnection>): void;
  /** One of them has opened. */
  opened(connection: WebSocketConnection): void;
  /** One of them has ended. */
  ended(connection: WebSocketConnection): void;
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
 * The topics of a connection.
 *
 * @throws {TypeError} When it has none.
 */
export function topicsOf({ topics }: { readonly topics: TopicHub | undefined }): TopicHub {
  if (topics !== undefined) return topics;
  throw new TypeError(
    "Expected a connection of a server, got one of connect(), which has no topics: send() reaches the server",
  );
}
