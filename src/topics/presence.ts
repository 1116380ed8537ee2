// Who is present on a topic: what programs see of it. The work is done by the files beside it, from
// presence_registry.ts on.

/** A member of a topic. */
export interface PresenceMember {
  /** The key that the member has subscribed with, such as the id of a user. */
  readonly key: string;
  /** What is known of the member: any JSON value, an object of its own for each reader. */
  readonly info: unknown;
}

/**
 * What has changed, in an iteration of {@linkcode TopicPresence}:
 *
 * - `"snapshot"`: all members. It comes first, and again where the iteration was behind by more
 *   than 10,000 events, or 1 MiB of them: it takes their place.
 * - `"join"`: the first connection of a key.
 * - `"leave"`: 15 s have passed since its last one.
 * - `"update"`: what is known of the member has changed.
 */
export type PresenceEvent =
  | { readonly type: "snapshot"; readonly members: readonly PresenceMember[] }
  | { readonly type: "join"; readonly key: string; readonly info: unknown }
  | { readonly type: "leave"; readonly key: string }
  | { readonly type: "update"; readonly key: string; readonly info: unknown };

/**
 * Who is present on a topic, in all processes of a backplane. A member is a key, with any number of
 * connections that have subscribed with it; see the option `presence` of
 * {@linkcode WebSocketConnection.subscribe}.
 *
 * An iteration begins with a snapshot and goes on with what changes, until it is left by `break` or
 * `return()`, or the topics are closed. All iterations of a topic in a process cost the broker as
 * much as one. While the broker is away, an iteration has the members of this process as they come
 * and go, and the others as they were; what has changed meanwhile follows when the broker is back.
 * Members of a process that was killed leave within 40 s. Those of a process that stood still for
 * longer than 30 s, or of a broker that has lost its data, may leave, and join again once their
 * process has written them again.
 */
export interface TopicPresence extends AsyncIterable<PresenceEvent> {
  /**
   * The members now: from memory while there is an iteration, and with one request to the broker
   * otherwise.
   *
   * @returns Resolves with the members, in no order. Rejects with an Error when the broker is away
   * or has not answered for 5 s, or the topics were closed.
   */
  list(): Promise<PresenceMember[]>;
  /**
   * How many members there are now; otherwise like `list()`.
   *
   * @returns Resolves with their number.
   */
  count(): Promise<number>;
  /**
   * Begins an iteration, with the first call of its `next()`.
   *
   * @returns The iteration. It ends normally when the topics are closed, and never rejects.
   */
  [Symbol.asyncIterator](): AsyncIterableIterator<PresenceEvent>;
}
