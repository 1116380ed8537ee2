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
   * True with `order: "broker"`, and on a topic with history over a backplane: the message is
   * delivered when it comes back from the broker, so all counts are 0. So it is when a listener
   * publishes to the topic with history that it is called for: its message comes after the one that
   * is being delivered. Absent otherwise.
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

/** The place of a message in the history of its topic. */
export interface TopicPosition {
  /**
   * The count that the offset belongs to. It changes when the store of the topic has begun to count
   * anew, such as after it has lost its data.
   */
  readonly epoch: string;
  /**
   * A number that grows with each message of the topic. Stores other than JetStream count 1, 2, 3.
   */
  readonly offset: number;
}

/** The latest messages of a topic. */
export interface LatestMessages {
  /** How many at most; 0 for none, and the position alone. */
  readonly last: number;
}

/** Who a connection is on a topic. */
export interface PresenceOptions {
  /**
   * The key of the member, such as the id of a user: 1 to 255 octets of UTF-8. Connections with the
   * same key are one member.
   */
  readonly key: string;
  /**
   * What is known of the member: any JSON value, at most 4 KiB as JSON. Of several connections of a
   * member, the latest one says it. Default: null.
   */
  readonly info?: unknown;
}

/** How a connection subscribes to a topic. */
export interface SubscribeOptions {
  /**
   * What to send of the history of the topic before what is published from now on: the messages
   * behind a position, or the latest ones. Nothing is missed in between, and nothing comes twice.
   * The topic must have history. Default: none of it.
   */
  readonly since?: TopicPosition | LatestMessages | undefined;
  /**
   * Who the connection is on the topic, for `topics.presence()`: it is present until its
   * subscription ends, and 15 s longer, so that a client that comes back is no news. A second
   * `subscribe()` with another info updates it. Default: the connection is not present.
   */
  readonly presence?: PresenceOptions | undefined;
}

/**
 * Why a connection may have missed messages:
 *
 * - `"expired"`: more was published than the history keeps, or it was too long ago.
 * - `"epoch"`: the store has begun to count anew, so the position says nothing.
 * - `"overflow"`: more came while the history was read than it keeps, and again while the rest was
 *   read; or more than the connection takes.
 * - `"unavailable"`: the store is away, or has not answered in time.
 */
export type RecoveryReason = "expired" | "epoch" | "overflow" | "unavailable";

/** What `subscribe()` resolves with. */
export interface SubscribeResult {
  /**
   * Whether messages of other processes come, too. False while the broker of a backplane is away:
   * the topic is joined when it is back. True without a backplane.
   */
  readonly joined: boolean;
  /**
   * With `since`: whether the connection got all messages behind its position, or the latest ones.
   * If not, it got what the history still had, and `reason` tells why.
   */
  readonly recovered?: boolean;
  /**
   * With `since`: up to where the connection got the history. A client that gets no further message
   * comes back with this. Undefined when the store is away.
   */
  readonly position?: TopicPosition | undefined;
  /** With `since`: why messages may be missing; undefined when none are. */
  readonly reason?: RecoveryReason | undefined;
}

/** Topics, as a connection reaches them. */
export interface TopicHub {
  /** Subscribes a connection that is open. */
  join(
    dispatcher: Dispatcher,
    topic: string,
    options: SubscribeOptions | undefined,
  ): Promise<SubscribeResult>;
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
